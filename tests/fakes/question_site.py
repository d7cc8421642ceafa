"""A site that shows questions, without a port. Satisfies `QuestionSite`."""

from collections import deque

from broker.model.consent import Answer
from broker.model.errors import BrokerError
from broker.model.question_page import QuestionPage


class FakeOpenPage:
    """A page, and a person whose clicks a test makes."""

    def __init__(self, page: QuestionPage, number: int) -> None:
        self.page = page
        self.closed = False
        self._number = number
        self._is_answered = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{43211 + self._number}/question/{self._number}"

    async def click(self, answer: Answer) -> bool:
        """Whether it is taken; what is not on the page, or comes late, is not."""
        is_there = answer in self.page.answers and not self.closed
        if not is_there or self._is_answered:
            return False
        self._is_answered = await self.page.on_answer(answer)
        return self._is_answered

    async def close(self) -> None:
        self.closed = True


class FakeQuestionSite:
    """Opens pages; remembers every one in `opened`."""

    def __init__(self) -> None:
        self.opened: list[FakeOpenPage] = []
        self._refusals: deque[BrokerError] = deque()

    def refuse(self, error: BrokerError) -> None:
        """Let the next `open` raise `error`."""
        self._refusals.append(error)

    async def open(self, page: QuestionPage) -> FakeOpenPage:
        if self._refusals:
            raise self._refusals.popleft()
        opened = FakeOpenPage(page, len(self.opened))
        self.opened.append(opened)
        return opened
