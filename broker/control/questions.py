"""Open questions as brokerctl sees them: fetched, put into lines, answered."""

from broker.control.broker import Broker, Json, members, text, texts
from broker.model.text import safe_text
from brokerd_client import BrokerError

ANSWERS = ("once", "session", "always", "deny")

DONE = {
    "once": "allowed once",
    "session": "allowed for this session",
    "always": "allowed from now on",
    "deny": "denied",
}

LABELS = {
    "once": "Allow once",
    "session": "This session",
    "always": "Always",
    "deny": "Deny",
}
"""Of buttons."""

_LONGEST_LINE = 400


def open_questions(broker: Broker, *, start: bool) -> list[Json]:
    """Those that are open, the oldest first.

    Args:
        broker: to ask.
        start: whether a missing daemon is worth starting for this.
    """
    return members(broker.call("GET", "/v1/questions", start=start), "questions")


def find_question(broker: Broker, question_id: str) -> Json | None:
    """The open question of this id, or None."""
    for question in open_questions(broker, start=False):
        if text(question, "id") == question_id:
            return question
    return None


def give_answer(broker: Broker, question_id: str, answer: str) -> Json:
    """Say it to the daemon.

    Raises:
        BrokerError: the question is open no more, or takes no such answer.
    """
    if not question_id.isalnum():
        raise BrokerError(
            "bad_request", "no question has such an id", "brokerctl approve lists them"
        )
    path = f"/v1/questions/{question_id}"
    return broker.call("POST", path, {"answer": answer}, start=False)


def offered(question: Json) -> list[str]:
    """What can be said to it, of what we know."""
    return [answer for answer in texts(question, "answers") if answer in ANSWERS]


def title(question: Json) -> str:
    """The question itself, on one line."""
    return safe_text(text(question, "title"))


def details(question: Json) -> list[tuple[str, str]]:
    """What a person needs to know, name and value; made safe once more."""
    return [
        (safe_text(text(one, "name")), safe_text(text(one, "value"), _LONGEST_LINE))
        for one in members(question, "details")
    ]


def caution(question: Json) -> str:
    """How little of it is sure."""
    return safe_text(text(question, "caution"))
