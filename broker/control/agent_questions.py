"""Puts open questions to the person, in whichever way there is.

None of the ways makes the agent wait: it has to hear that somebody else has answered.
"""

from collections.abc import Sequence
from typing import Protocol

from broker.control.agent_command import CommandWay
from broker.control.agent_notification import NotificationWay
from broker.control.agent_page import PageWay
from broker.control.broker import Broker, Json, text
from broker.control.output import say, say_json, tell_note
from broker.control.questions import DONE, find_question, give_answer, title
from broker.control.ways import UnfitError, WayFailedError
from broker.model.event import EventKind
from brokerd_client import BrokerError

WAYS = ("auto", "notification", "page", "command")

_ENDS = frozenset({EventKind.LISTENING.value, EventKind.MISSED.value})
"""Whichever daemon is heard now tells anew what is open."""


class AskingWay(Protocol):
    """A way to ask."""

    def ask(self, question: Json) -> None:
        """Show it, and return; `WayFailedError` where that cannot be."""
        ...

    def withdraw(self, question_id: str) -> None:
        """It is open no more; nothing where it was not shown."""
        ...

    def close(self) -> None:
        """Show nothing any more."""
        ...


class QuestionAsker:
    """Asks about each question once.

    Args:
        way: of `WAYS`.
        command: its words, or none.
    """

    def __init__(self, way: str, command: Sequence[str], *, as_json: bool) -> None:
        self._as_json = as_json
        self._broker = Broker()
        self._shown: dict[str, AskingWay] = {}
        self._ways: dict[str, AskingWay] = {}
        self._order = _order(way, command)
        self._command = command

    def take(self, event: Json) -> None:
        """Act on an event."""
        kind, question_id = text(event, "event"), text(event, "question")
        if kind in _ENDS:
            for shown in list(self._shown):
                self._withdraw(shown)
        elif kind == EventKind.ANSWERED.value:
            self._withdraw(question_id)
        elif kind == EventKind.QUESTION.value and question_id not in self._shown:
            self._ask(question_id)

    def close(self) -> None:
        """Show nothing any more."""
        for way in self._ways.values():
            way.close()

    def _ask(self, question_id: str) -> None:
        try:
            question = find_question(self._broker, question_id)
        except BrokerError as exc:
            tell_note(exc.detail)
            return
        if question is None:  # somebody was quicker
            return
        failures = []
        for name in self._order:
            try:
                way = self._way(name)
                way.ask(question)
            except WayFailedError as exc:
                # Another may do; and this one, perhaps, at the next question.
                if not isinstance(exc, UnfitError):
                    self._forget_way(name)
                failures.append(str(exc))
            else:
                self._shown[question_id] = way
                return
        why = "; ".join(failures)
        tell_note(f"{title(question)} Answer with `brokerctl approve` ({why})")

    def _way(self, name: str) -> AskingWay:
        if name not in self._ways:
            self._ways[name] = self._made(name)
        return self._ways[name]

    def _made(self, name: str) -> AskingWay:
        if name == "command":
            return CommandWay(self._command, self._answered)
        return NotificationWay(self._answered) if name == "notification" else PageWay()

    def _forget_way(self, name: str) -> None:
        way = self._ways.pop(name, None)
        if way is not None:
            way.close()

    def _withdraw(self, question_id: str) -> None:
        way = self._shown.pop(question_id, None)
        if way is not None:
            way.withdraw(question_id)

    def _answered(self, question_id: str, answer: str) -> None:
        """What the person has said; called from whichever thread has heard it."""
        try:
            give_answer(Broker(), question_id, answer)
        except BrokerError as exc:
            tell_note(exc.detail)
            return
        if self._as_json:
            say_json({"question": question_id, "answer": answer})
        else:
            say(DONE[answer])


def _order(way: str, command: Sequence[str]) -> tuple[str, ...]:
    """The ways to try, the best first."""
    if way != "auto":
        return (way,)
    return ("command",) if command else ("notification", "page")
