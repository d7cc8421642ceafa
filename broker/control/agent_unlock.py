"""Asks for the passphrase in the person's session, once for each lock."""

from broker.control.broker import Broker, Json, text
from broker.control.output import say, say_json, tell_note
from broker.control.pinentry import Pinentry, PinentryError
from broker.control.store import OPEN_SECONDS, slot_sources
from broker.model.event import EventKind
from broker.store.keys.names import PASSPHRASE
from brokerd_client import BrokerError

TRIES = 3
"""Passphrases that may be wrong before the question is taken as refused."""


class Unlocker:
    """Asks once for each lock."""

    def __init__(self, program: str, remember: int | None, *, as_json: bool) -> None:
        self._program = program
        self._remember = remember
        self._as_json = as_json
        self._broker = Broker()
        self._refused_to: str | None = None
        """The pid of the daemon whose present lock the person does not want to end."""

    def take(self, kind: str) -> None:
        """Act on an event."""
        if kind in (EventKind.UNLOCKED.value, EventKind.MISSED.value):
            self._refused_to = None
        if kind != EventKind.LOCKED.value:
            return
        try:
            self._unlock()
        except BrokerError as exc:
            tell_note(f"{exc.detail} ({exc.hint})" if exc.hint else exc.detail)
        except PinentryError as exc:
            tell_note(f"{exc}; unlock it yourself: `brokerctl unlock`")

    def _unlock(self) -> None:
        status = self._broker.call("GET", "/v1/status", start=False)
        pid = text(status, "pid")
        is_locked = text(status, "store") == "locked"
        # Whoever connects again to the same daemon hears of the same lock again.
        if not is_locked or PASSPHRASE not in slot_sources(status):
            return
        if self._refused_to == pid:
            return
        self._refused_to = pid
        if self._ask(status):
            self._refused_to = None
            say_json({"unlocked": True}) if self._as_json else say("unlocked")

    def _ask(self, status: Json) -> bool:
        """Whether the store is open now."""
        description = (
            "The store of your sign-ins is locked"
            f" ({text(status, 'locked_because')}).\n"
            "Its passphrase opens it, so that programs of yours get tokens again."
        )
        error = None
        with Pinentry(self._program) as pinentry:
            for _ in range(TRIES):
                typed = pinentry.ask(description, error=error)
                if typed is None:
                    return False
                error = self._try(typed)
                if error is None:
                    return True
        tell_note("no passphrase opened it; `brokerctl unlock` tries again")
        return False

    def _try(self, typed: str) -> str | None:
        """Open the store; what was wrong with the passphrase, or None."""
        body: Json = {"passphrase": typed}
        if self._remember is not None:
            body["remember"] = self._remember
        try:
            self._broker.call(
                "POST", "/v1/unlock", body, start=False, timeout=OPEN_SECONDS
            )
        except BrokerError as exc:
            if exc.code not in ("wrong_passphrase", "bad_request"):
                raise
            return exc.detail
        return None
