"""Pages that show open questions: one a question, gone with it. Knows no HTML."""

import asyncio
import logging

from broker.model.consent import Answer, answers
from broker.model.errors import BrokerError
from broker.model.question_page import QuestionPage
from broker.services.consents import Consents
from broker.services.interfaces import OpenPage, QuestionSite
from broker.services.open_question import OpenQuestion

log = logging.getLogger(__name__)


class QuestionPages:
    """Opens them; nothing listens while no page is open."""

    def __init__(self, consents: Consents, site: QuestionSite) -> None:
        self._consents = consents
        self._site = site
        self._open: dict[str, OpenPage] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    async def open(self, question_id: str) -> str:
        """The address of the question's page; the same one for whoever asks again.

        Raises:
            UnknownQuestionError: no such question is open.
            PortInUseError: no port is to be had.
        """
        async with self._opening:
            asked = self._consents.find(question_id)
            page = self._open.get(question_id)
            if page is None:
                page = await self._site.open(self._page(asked))
                self._open[question_id] = page
                task = asyncio.create_task(
                    self._close_with(asked, page), name=f"page of {question_id}"
                )
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            return page.url

    async def close(self) -> None:
        """Return when every page is gone; the questions have ended by then."""
        if self._closing:
            await asyncio.wait(self._closing)

    def _page(self, asked: OpenQuestion) -> QuestionPage:
        async def on_answer(answer: Answer) -> bool:
            try:
                await self._consents.answer(asked.question_id, answer)
            except BrokerError as exc:
                log.warning("question.page.refused code=%s", exc.code)
                return False
            return True

        return QuestionPage(
            words=self._consents.words(asked),
            answers=answers(asked.question),
            on_answer=on_answer,
        )

    async def _close_with(self, asked: OpenQuestion, page: OpenPage) -> None:
        await asked.ended.wait()
        del self._open[asked.question_id]
        await page.close()
