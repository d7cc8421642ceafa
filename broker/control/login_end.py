"""Awaiting the end of a login, and taking meanwhile what the person pastes."""

import os
import select
import sys
import threading
from contextlib import suppress

from broker.control.asking import is_at_terminal
from broker.control.broker import Broker, Json
from broker.control.output import bad_usage, tell, waiting
from brokerd_client import BrokerError

POLL_SECONDS = 30
"""Of one long poll; the daemon allows 60."""

OFFER_SECONDS = 20
"""Until pasting is offered to whoever waits at a terminal: a firewall may have eaten
the redirect, and the browser is then left with an address that it cannot open."""

ELSEWHERE = "elsewhere"
"""The way of a sign-in through a restricted socket: nothing is pasted here."""

_CALL_SECONDS = POLL_SECONDS + 30
_PASTED = frozenset({"paste", "oob"})
_WARNING = (
    "paste it here and nowhere else: whoever gets it can sign in as you, so no page, "
    "chat or mail that asks for it is to have it"
)
_PROMPTS = {
    "paste": "When the browser shows an error instead of a page, copy the whole "
    "address from its address bar.",
    "oob": "Copy the code that the page shows at the end.",
    "loopback": "No answer has come yet. If the browser shows an error instead of a "
    "page, copy the whole address from its address bar.",
}


def await_end(broker: Broker, path: str, way: str) -> Json:
    """The daemon's last answer about a login.

    Args:
        broker: the daemon.
        path: of the login, such as '/v1/logins/ID'.
        way: how the issuer's answer gets here, such as 'loopback'.

    Raises:
        BrokerError: the daemon went, or standard input ended before anything was
            pasted that could be used.
    """
    ending = Ending(Broker(), path)
    ending.start()
    try:
        return _awaited(ending, broker, path, way)
    finally:
        ending.give_up()


def _awaited(ending: "Ending", broker: Broker, path: str, way: str) -> Json:
    is_pasted = way in _PASTED
    if not is_pasted:
        # Where nobody sits, standard input is somebody else's.
        can_offer = way == "loopback" and is_at_terminal() and os.name == "posix"
        awaited = "the code to be entered" if way == "device" else "the browser"
        with waiting(f"waiting for {awaited} (Ctrl-C gives up)"):
            if ending.within(OFFER_SECONDS if can_offer else None):
                return ending.answer()
    tell(_PROMPTS[way])
    tell(f"brokerctl: warning: {_WARNING}")
    while not ending.within(0):
        if _is_typed(ending) and _take_line(broker, path, is_needed=is_pasted):
            ending.within(None)
    return ending.answer()


def _is_typed(ending: "Ending") -> bool:
    """Wait for a line or the end; whether it is a line."""
    if is_at_terminal():
        tell("Paste it here:")
    if os.name != "posix":  # select() knows only sockets there
        return True
    return sys.stdin in select.select([sys.stdin, ending], [], [])[0]


def _take_line(broker: Broker, path: str, *, is_needed: bool) -> bool:
    """Hand one line over; whether no other need be typed.

    Raises:
        BrokerError: it was refused and nobody can try again, or there is none and it
            is needed.
    """
    line = sys.stdin.readline()
    if not line and is_needed:
        raise bad_usage(
            "nothing was pasted",
            "paste the address or the code at the terminal, or pipe it in",
        )
    if not line.strip():
        return not line
    try:
        broker.call("POST", f"{path}/response", {"pasted": line.strip()}, start=False)
    except BrokerError as exc:
        if exc.code != "paste_refused" or not is_at_terminal():
            raise
        tell(f"brokerctl: error: {exc.detail}")
        tell(f"brokerctl: hint: {exc.hint}")
        return False
    return True


class Ending(threading.Thread):
    """Polls until the login has ended; readable from then on."""

    def __init__(self, broker: Broker, path: str) -> None:
        super().__init__(name="end of the login", daemon=True)
        self._broker = broker
        self._path = path
        self._found: Json | BrokerError = {}
        self._has_ended = threading.Event()
        self._is_given_up = False
        self._reading, self._writing = os.pipe()

    def fileno(self) -> int:
        """For `select`."""
        return self._reading

    def within(self, seconds: float | None) -> bool:
        """Wait at most so long; whether the login has ended."""
        return self._has_ended.wait(seconds)

    def answer(self) -> Json:
        """The last answer, once the login has ended.

        Raises:
            BrokerError: the daemon could not be asked.
        """
        if isinstance(self._found, BrokerError):
            raise self._found
        return self._found

    def give_up(self) -> None:
        """Ask no more; an answer that is under way is not waited for."""
        self._is_given_up = True

    def run(self) -> None:
        """Ask again and again."""
        try:
            self._found = self._poll()
        except BrokerError as exc:
            self._found = exc
        self._has_ended.set()
        with suppress(OSError):
            os.close(self._writing)

    def _poll(self) -> Json:
        answer: Json = {}
        while not self._is_given_up:
            answer = self._broker.call(
                "GET",
                f"{self._path}?wait={POLL_SECONDS}",
                start=False,
                timeout=_CALL_SECONDS,
            )
            if answer.get("state") != "pending":
                break
        return answer
