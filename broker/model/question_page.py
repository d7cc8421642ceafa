"""What passes between a question and the page that shows it. Knows neither."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from broker.model.consent import Answer
from broker.model.question_words import QuestionWords


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionPage:
    """What a page is asked to be.

    Attributes:
        words: what it shows.
        answers: what can be said, the safest last.
        on_answer: given what the person has said; False where it is not taken. Never
            raises.
    """

    words: QuestionWords
    answers: tuple[Answer, ...]
    on_answer: Callable[[Answer], Awaitable[bool]] = field(repr=False)
