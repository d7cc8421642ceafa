"""The person's answers to questions about programs."""

from broker.model.errors import NotPermittedError
from broker.model.question import Question
from broker.model.time import Seconds


class Consents:
    """Asks nobody yet, and so allows nothing."""

    def remembers(self, question: Question) -> bool:
        """Whether it was allowed before, and that still counts."""
        del question
        return False

    async def ask(self, question: Question, wait: Seconds) -> str:
        """Refuses, see `Consent.ask`."""
        del wait
        what = f"{question.operation.value} of {question.account}: nobody can be asked"
        raise NotPermittedError(what=what)
