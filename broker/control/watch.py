"""`brokerctl watch`: what happens, as it happens, as lines or for a command."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from threading import Event

import click

from broker.control.broker import Broker, Json, text
from broker.control.hook import ending_hooks, run_hook
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell,
    tell_note,
    tells_errors,
)
from broker.model.event import EventKind
from brokerd_client import BrokerError
from brokerd_client.exit_codes import INTERRUPTED

RECONNECT_SECONDS = 1.0
"""Between attempts to find the next daemon; only whoever waits spends them."""

HOOK_SECONDS = 30.0
LONGEST_HOOK_SECONDS = 3600.0

_STOPPED = BrokerError(
    "stopping", "brokerd has stopped", "`brokerctl watch --reconnect` awaits the next"
)

_MISSED = EventKind.MISSED.value

_WORDS = {
    "login_begun": "a sign-in awaits your browser: see `brokerctl pending`",
    "issuer_down": "does not answer",
    "issuer_up": "answers again",
    "locked": "the store is locked",
    "unlocked": "the store is open",
    "unsaved": "not saved",
    "saved": "all is saved",
    "question": "a program asks for a token",
    "answered": "the question has ended",
    "missed": "events were missed",
}
"""Where the name of an event, with spaces, is not what a person would say."""

_UNTIL = {"issuer_down": "next try"}
"""What is said of that moment: nobody knows when an issuer answers again."""


@click.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Tell what happens, as it happens.",
)
@click.option(
    "--account", "accounts", multiple=True, metavar="NAME", help="Of this one only."
)
@click.option(
    "--event",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in EventKind]),
    help="Of this kind only.",
)
@click.option(
    "--reconnect", is_flag=True, help="Wait for the next daemon where one stops."
)
@click.option(
    "--exec",
    "executes",
    is_flag=True,
    help="Run COMMAND for each event, one after the other, without a shell: the event "
    "is in BROKERD_EVENT, BROKERD_ACCOUNT, BROKERD_ISSUER, BROKERD_QUESTION and "
    "BROKERD_REASON, and in "
    "JSON on its standard input.",
)
@click.option(
    "--exec-timeout",
    type=click.FloatRange(0, LONGEST_HOOK_SECONDS, min_open=True),
    default=HOOK_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="End a COMMAND that takes longer.",
)
@json_option
@click.argument("command", nargs=-1, metavar="[COMMAND [ARGUMENT]...]")
@tells_errors
def watch(
    *,
    accounts: Sequence[str],
    kinds: Sequence[str],
    reconnect: bool,
    executes: bool,
    exec_timeout: float,
    as_json: bool,
    command: Sequence[str],
) -> None:
    """Tell what happens until Ctrl-C: tokens renewed, logins needed, issuers down.

    What stands already comes first. Options stand before COMMAND.
    """
    if executes != bool(command):
        raise bad_usage(
            "--exec and a command belong together",
            "brokerctl watch --exec COMMAND [ARGUMENT]...",
        )
    tell_event = _teller(command, exec_timeout, as_json=as_json)
    try:
        with ending_hooks() if executes else nullcontext():
            for event in events(reconnect=reconnect):
                if is_wanted(event, accounts, kinds):
                    tell_event(event)
    except KeyboardInterrupt:
        # How a watch ends: nothing went wrong. The terminal has echoed ^C.
        if sys.stderr.isatty():
            tell("")
        sys.exit(INTERRUPTED)


def is_wanted(event: Json, accounts: Sequence[str], kinds: Sequence[str]) -> bool:
    """Whether no filter is against it; that some were missed concerns everyone."""
    kind = text(event, "event")
    of_account = not accounts or event.get("account") in accounts
    return kind == _MISSED or (of_account and (not kinds or kind in kinds))


def event_words(event: Json) -> str:
    """A line for people, such as '21:04:11 work: token renewed'."""
    kind, account = text(event, "event"), text(event, "account")
    words = _WORDS.get(kind, kind.replace("_", " "))
    about = account or text(event, "issuer")
    line = f"{about}: {words}" if about else words
    if event.get("until") is not None:
        line += f", {_UNTIL.get(kind, 'until')} {_clock(event, 'until')}"
    if reason := text(event, "reason"):
        line += f": {reason}"
    if kind == EventKind.LOGIN_NEEDED.value:
        line += f" (run `brokerctl login {account}`)"
    if kind == EventKind.QUESTION.value:
        line += f" (run `brokerctl approve {text(event, 'question')}`)"
    return f"{_clock(event, 'at')} {line}"


def _clock(event: Json, name: str) -> str:
    moment = event.get(name)
    seconds = moment if isinstance(moment, float | int) else 0
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%H:%M:%S}"


def _teller(
    command: Sequence[str], seconds: float, *, as_json: bool
) -> Callable[[Json], None]:
    """What is done with each event; only one thing, so that no two outputs mix."""

    def run(event: Json) -> None:
        failure = run_hook(command, event, seconds)
        if failure is not None:
            tell_note(f"{text(event, 'event')}: {failure}")

    if command:
        return run
    return say_json if as_json else lambda event: say(event_words(event))


def events(
    *, reconnect: bool, start: bool = True, over: Event | None = None
) -> Iterator[Json]:
    """What happens; of the next daemon, too, where the person wants that.

    Args:
        reconnect: whether to wait for the next daemon where there is none.
        start: whether the first one may be started.
        over: once it is set, no further daemon is waited for.

    Raises:
        BrokerError: there is no daemon, or it has ended.
    """
    broker, is_news = Broker(), True
    while over is None or not over.is_set():
        gone = _STOPPED
        try:
            for event in broker.events(start=start):
                is_news = True
                yield event
        except BrokerError as exc:
            if not exc.retryable:
                raise
            gone = exc
        if not reconnect:
            raise gone
        if is_news:
            tell_note(f"{gone.detail}; waiting for the next one")
        # Whoever stops it does not want a spectator to start it again.
        start = is_news = False
        time.sleep(RECONNECT_SECONDS)
