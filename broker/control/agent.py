"""`brokerctl agent`: the daemon's hand in the person's session.

Listens to the daemon, and asks for the passphrase with the system's pinentry when the
store is locked. The daemon itself has no display and starts no process.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from broker.control.broker import Broker, Json, text, told
from broker.control.hook import ending_hooks
from broker.control.output import json_option, say, say_json, tell_note, tells_errors
from broker.control.pinentry import Pinentry, PinentryError
from broker.control.store import (
    OPEN_SECONDS,
    remember_option,
    remembered_seconds,
    slot_sources,
)
from broker.control.watch import events
from broker.model import errors
from broker.model.event import EventKind
from broker.store.keys.names import PASSPHRASE
from brokerd_client import BrokerError
from brokerd_client.exit_codes import INTERRUPTED

TRIES = 3
"""Passphrases that may be wrong before the question is taken as refused."""

LOCK_NAME = "agent.lock"


@click.command()
@click.option(
    "--pinentry",
    default="pinentry",
    show_default=True,
    metavar="PROGRAM",
    help="What asks: a program that speaks Assuan, on PATH or by its path.",
)
@remember_option
@json_option
@tells_errors
def agent(*, pinentry: str, remember: str | None, as_json: bool) -> None:
    """Ask for the passphrase whenever the store is locked, until Ctrl-C.

    A question that you refuse is not asked again before the next lock.
    """
    seconds = remembered_seconds(remember)
    try:
        with _only_one(), ending_hooks():
            asker = _Asker(pinentry, seconds, as_json=as_json)
            for event in events(reconnect=True, start=False):
                asker.take(text(event, "event"))
    except KeyboardInterrupt:  # how an agent ends: nothing went wrong
        sys.exit(INTERRUPTED)


class _Asker:
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


@contextmanager
def _only_one() -> Iterator[None]:
    """Held by the one agent of this person's daemon.

    Raises:
        BrokerError: another one runs, or the folder is not the person's alone.
    """
    # A fifth of a second that no other command needs.
    from broker.host import (  # noqa: PLC0415
        ensure_private_directory,
        hold_lock,
        runtime_directory,
    )

    path = runtime_directory() / LOCK_NAME
    try:
        ensure_private_directory(path.parent)
        lock = hold_lock(path)
    except errors.AlreadyRunningError as exc:
        raise BrokerError(
            exc.code,
            "another `brokerctl agent` runs already",
            "end that one first, where this one is to ask",
            facts={"path": exc.path},
        ) from exc
    except errors.BrokerError as exc:
        raise told(exc) from exc
    try:
        yield
    finally:
        lock.close()
