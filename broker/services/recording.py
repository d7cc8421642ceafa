"""What is recorded that nobody asked for: the daemon's own life, and what happens."""

from broker.model.audit import AuditEntry, Result
from broker.model.event import Event, EventKind
from broker.model.question import Question
from broker.services.interfaces import Recorder

_RECORDED = frozenset(
    {
        EventKind.SIGNED_IN,
        EventKind.SIGNED_OUT,
        EventKind.LOGIN_NEEDED,
        EventKind.EXPORTED,
        EventKind.REVOKED,
        EventKind.NOT_REVOKED,
    }
)


def entry_of_daemon(what: str) -> AuditEntry:
    """That the daemon starts or stops."""
    return AuditEntry(operation=f"daemon.{what}", result=Result.NOTED)


def entry_of_question(question: Question, question_id: str, end: str) -> AuditEntry:
    """That a question was asked, or how it has ended.

    Args:
        question: with the program that it is about.
        question_id: by which it is answered.
        end: the answer, or why there is none; '' while it is open.
    """
    return AuditEntry(
        operation="consent.ended" if end else "consent.asked",
        result=Result.NOTED,
        socket=question.socket,
        peer=question.facts,
        account=question.account,
        scopes=question.scopes,
        resource=question.resource,
        detail=f"question={question_id}" + (f" end={end}" if end else ""),
    )


def record_event(recorder: Recorder, event: Event) -> None:
    """Record what has become of an account; by whom was recorded with the request."""
    if event.kind in _RECORDED:
        recorder.record(
            AuditEntry(
                operation=f"account.{event.kind.value}",
                result=Result.NOTED,
                account=event.account,
                detail=event.reason,
            )
        )
