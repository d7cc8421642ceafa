"""What passes between a question and the page that shows it. Knows neither."""

from collections.abc import Awaitable, Callable

from broker.model.consent import Answer
from broker.model.question_words import QuestionWords
from broker.model.veiled import Veiled


class QuestionPage(Veiled, frozen=True, kw_only=True):
    """What a page is asked to be.

    Attributes:
        words: what it shows.
        answers: what can be said, the safest last.
        on_answer: given what the person has said; False where it is not taken. Never
            raises.
    """

    veiled = frozenset({"on_answer"})

    words: QuestionWords
    answers: tuple[Answer, ...]
    on_answer: Callable[[Answer], Awaitable[bool]]
