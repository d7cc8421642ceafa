"""Asks with a notification that has buttons, over D-Bus. Linux.

Source: Desktop Notifications Specification 1.2. A notification that is closed is no
answer: desktops close them by themselves.
"""

import html
from queue import Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from broker.control.broker import Json, text
from broker.control.questions import LABELS, caution, details, offered, title
from broker.control.session_bus import SessionBus
from broker.control.ways import Answered, UnfitError, WayFailedError

if TYPE_CHECKING:
    from jeepney import Message

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"

_CRITICAL = 2
_NEVER = 0

_MOST_LINES = 20


class NotificationWay:
    """Shows one a question.

    Args:
        answered: is told which button was pressed.
    """

    def __init__(self, answered: Answered) -> None:
        """Find out whether there is somebody who shows buttons.

        Raises:
            WayFailedError: there is nobody.
        """
        self._answered = answered
        self._pressed: Queue[tuple[int, str] | None] = Queue()
        self._shown: dict[int, str] = {}
        self._showing = Lock()
        self._shower = ""
        self._bus = SessionBus(self._heard)
        try:
            self._has_markup = self._shows_markup()
            self._listen()
        except BaseException:
            self._bus.close()
            raise
        Thread(target=self._tell, name="notification buttons", daemon=True).start()

    def ask(self, question: Json) -> None:
        """Show it.

        Raises:
            UnfitError: a desktop would cut it off, and its buttons would stay.
            WayFailedError: nobody shows it.
        """
        lines = [f"{name}: {value}" for name, value in details(question)]
        if len(lines) > _MOST_LINES:
            raise UnfitError("it is too long for a notification")
        body = "\n".join([*lines, caution(question)])
        actions = [
            word for answer in offered(question) for word in (answer, LABELS[answer])
        ]
        # A press may be heard before the number of what was pressed.
        with self._showing:
            self._show(text(question, "id"), title(question), body, actions)

    def withdraw(self, question_id: str) -> None:
        """Take it away: somebody else has answered."""
        for number, shown in list(self._shown.items()):
            if shown == question_id:
                del self._shown[number]
                self._take_away(number)

    def close(self) -> None:
        """Take all of them away."""
        for number in list(self._shown):
            del self._shown[number]
            self._take_away(number)
        self._pressed.put(None)
        self._bus.close()

    def _show(
        self, question_id: str, summary: str, body: str, actions: list[str]
    ) -> None:
        # Whoever shows it now: desktops start that anew.
        shown, self._shower = self._call(
            "Notify",
            "susssasa{sv}i",
            (
                "brokerd",
                0,
                "dialog-password",
                summary,
                html.escape(body, quote=False) if self._has_markup else body,
                actions,
                {"urgency": ("y", _CRITICAL)},
                _NEVER,
            ),
        )
        self._shown[int(shown[0])] = question_id

    def _shows_markup(self) -> bool:
        (capabilities,), self._shower = self._call("GetCapabilities")
        if "actions" not in capabilities:
            raise WayFailedError("notifications have no buttons here")
        return "body-markup" in capabilities

    def _take_away(self, number: int) -> None:
        try:
            self._call("CloseNotification", "u", (number,))
        except WayFailedError:  # it is gone already, or with its desktop
            return

    def _listen(self) -> None:
        from jeepney import MatchRule, message_bus  # noqa: PLC0415 - of Linux alone

        rule = MatchRule(type="signal", sender=NAME, interface=NAME, path=PATH)
        self._bus.call(message_bus.AddMatch(rule))

    def _heard(self, message: "Message") -> None:
        """A signal; any program of the session can send one that looks like it."""
        from jeepney import HeaderFields  # noqa: PLC0415 - of Linux alone

        fields = message.header.fields
        if fields.get(HeaderFields.sender) != self._shower:
            return
        if fields.get(HeaderFields.member) == "ActionInvoked":
            number, action = message.body
            if action in LABELS:
                self._pressed.put((number, action))

    def _tell(self) -> None:
        while (pressed := self._pressed.get()) is not None:
            number, action = pressed
            with self._showing:
                question_id = self._shown.get(number)
            if question_id is not None:
                self._answered(question_id, action)

    def _call(
        self, method: str, signature: str | None = None, body: tuple[Any, ...] = ()
    ) -> tuple[tuple[Any, ...], str]:
        from jeepney import (  # noqa: PLC0415 - of Linux alone
            DBusAddress,
            new_method_call,
        )

        address = DBusAddress(PATH, bus_name=NAME, interface=NAME)
        return self._bus.call(new_method_call(address, method, signature, body))
