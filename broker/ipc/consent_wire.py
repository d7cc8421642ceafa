"""Questions and remembered answers on the socket, as typed values. Pure.

The shapes are those of clients/PROTOCOL.md. All text is made safe to show.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from broker.ipc.wire import Request
from broker.model.consent import Allowance, Answer, Consent, Program, SessionConsent
from broker.model.consent import answers as answers_to
from broker.model.errors import BadRequestError
from broker.model.text import safe_text
from broker.model.time import Instant, Seconds
from broker.services.consents import Consents
from broker.services.open_question import OpenQuestion

if TYPE_CHECKING:
    from broker.services.question_limits import Asker
    from broker.services.remembered import Remembered

_ANSWERS = {answer.value: answer for answer in Answer}


class AnswerBody(Request, frozen=True):
    """`POST /v1/questions/ID`."""

    answer: str


def answer_given(body: AnswerBody) -> Answer:
    """What the person says.

    Raises:
        BadRequestError: that is no answer.
    """
    if body.answer not in _ANSWERS:
        raise BadRequestError(what="an answer is once, session, always or deny")
    return _ANSWERS[body.answer]


def questions_reply(consents: Consents) -> dict[str, object]:
    """Answer of `GET /v1/questions`."""
    return {"questions": [_question_reply(consents, one) for one in consents.open]}


def consents_reply(
    remembered: "Remembered | None", silenced: Mapping["Asker", Seconds], now: Instant
) -> dict[str, object]:
    """Answer of `GET /v1/consents`."""
    found = [] if remembered is None else remembered.sessions(now)
    always = () if remembered is None else remembered.always
    return {
        "consents": [
            *(_session_reply(one) for one in found),
            *(_always_reply(one) for one in always),
        ],
        "silenced": [
            {"socket": socket, **_program_reply(program), "until": now.wall + seconds}
            for (socket, program), seconds in silenced.items()
        ],
        "damaged": remembered is not None and remembered.is_damaged,
    }


def _question_reply(consents: Consents, asked: OpenQuestion) -> dict[str, object]:
    words = consents.words(asked)
    return {
        "id": asked.question_id,
        **_allowance_reply(asked.allowance),
        "every": asked.question.every,
        "asked_at": asked.asked.wall,
        "expires_at": asked.expires_at,
        "waiting": asked.waiting,
        "answers": [answer.value for answer in answers_to(asked.question)],
        "title": words.title,
        "details": [{"name": one.name, "value": one.value} for one in words.details],
        "caution": words.caution,
    }


def _session_reply(consent: SessionConsent) -> dict[str, object]:
    return {
        "id": consent.consent_id,
        "answer": Answer.SESSION.value,
        **_allowance_reply(consent.allowance),
        "session": consent.session.place,
        "given_at": consent.given.wall,
        "until": consent.until,
    }


def _always_reply(consent: Consent) -> dict[str, object]:
    return {
        "id": consent.consent_id,
        "answer": Answer.ALWAYS.value,
        **_allowance_reply(consent.allowance),
        "session": None,
        "given_at": consent.given_at,
        "until": None,
    }


def _allowance_reply(allowance: Allowance) -> dict[str, object]:
    resource = allowance.resource
    return {
        "account": allowance.account,
        "issuer": allowance.issuer,
        "operation": allowance.operation.value,
        "scopes": [safe_text(scope) for scope in sorted(allowance.scopes)],
        "resource": None if resource is None else safe_text(resource),
        "socket": allowance.socket,
        **_program_reply(allowance.program),
    }


def _program_reply(program: Program) -> dict[str, object]:
    return {
        "executable": program.executable,
        "script": program.script,
        "unit": program.unit,
        "flatpak": program.flatpak,
        "snap": program.snap,
        "uid": program.uid,
    }
