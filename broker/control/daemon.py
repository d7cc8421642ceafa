"""`brokerctl status`, `stop`, `init` and `unlock`: the daemon and its store."""

import sys
from datetime import UTC, datetime

import click

from broker.control.broker import Broker, Json, text
from broker.control.detached import stop_detached
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell,
    tells_errors,
    waiting,
)
from broker.ipc.problems import problem
from broker.model import errors
from broker.model.errors import NoAccountsError, StoreExistsError
from broker.store.keys.names import PASSPHRASE, PLAIN, key_sources
from brokerd_client import BrokerError
from brokerd_client.errors import error_from_problem

_UNLOCK_SECONDS = 60


@click.command()
@json_option
@tells_errors
def status(*, as_json: bool) -> None:
    """Show the daemon and its store; starts nothing."""
    try:
        answer = Broker().call("GET", "/v1/status", start=False)
    except BrokerError as exc:
        if exc.facts.get("cause") != "not_running":
            raise
        _tell_not_running(exc, as_json=as_json)
        return
    if as_json:
        say_json({"running": True, **answer})
        return
    for line in _lines(answer):
        say(line)


def _tell_not_running(error: BrokerError, *, as_json: bool) -> None:
    if as_json:
        say_json({"running": False, "socket": error.facts.get("socket")})
    else:
        say(error.detail)


def _lines(answer: Json) -> list[str]:
    since = answer.get("started_at")
    moment = datetime.fromtimestamp(since if isinstance(since, float | int) else 0, UTC)
    store = text(answer, "store")
    reason = text(answer, "locked_because")
    source = text(answer, "key_source") or "none yet"
    version, pid = text(answer, "version"), text(answer, "pid")
    count = text(answer, "accounts") or "-"
    return [
        f"brokerd {version}, pid {pid}, since {moment.astimezone():%Y-%m-%d %H:%M}",
        f"socket: {text(answer, 'socket')}",
        f"config: {text(answer, 'config')}",
        f"store: {store}" + (f" ({reason})" if reason else ""),
        f"key source: {source}" + (" (a key file)" if source == PLAIN else ""),
        f"accounts: {count}, logins under way: {text(answer, 'logins')}",
        *_issuer_lines(answer),
        *_clock_lines(answer),
    ]


def _issuer_lines(answer: Json) -> list[str]:
    return [
        f"issuer {text(each, 'issuer')}: {text(each, 'state')} since "
        f"{_clock(each, 'since')}, next try {_clock(each, 'until')} "
        f"({text(each, 'reason')})"
        for each in _list(answer, "issuers")
    ]


def _clock_lines(answer: Json) -> list[str]:
    return [
        f"clock: this machine is {abs(ahead):.0f} s "
        f"{'behind' if ahead > 0 else 'ahead of'} {text(each, 'issuer')}; "
        "set it right, or tokens end when nobody expects it"
        for each in _list(answer, "clock")
        if isinstance(ahead := each.get("ahead"), int | float)
    ]


def _list(answer: Json, name: str) -> list[Json]:
    """The objects in the list at `name`; empty where there is none."""
    value = answer.get(name)
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, dict)]


def _clock(answer: Json, name: str) -> str:
    """A moment as a clock shows it, with the day where that is not today."""
    value = answer.get(name)
    if not isinstance(value, int | float):
        return "-"
    moment = datetime.fromtimestamp(value, UTC).astimezone()
    now = datetime.now(UTC)
    if name == "until" and moment <= now:
        return "with the next request"
    is_today = moment.date() == now.astimezone().date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d %H:%M}"


@click.command()
@json_option
@tells_errors
def stop(*, as_json: bool) -> None:
    """Stop the daemon; a refresh under way ends first."""
    with waiting("waiting for the daemon to end"):
        stopped = stop_detached()
    if as_json:
        say_json({"stopped": stopped})
    elif stopped:
        say("brokerd has stopped")
    else:
        tell("brokerd was not running")


@click.command()
@click.option(
    "--key",
    type=click.Choice(key_sources()),
    required=True,
    help="Where the key is: in a file (plain), in your head (passphrase), or with "
    "another keeper that this system can have.",
)
@json_option
@tells_errors
def init(*, key: str, as_json: bool) -> None:
    """Make the store. Without this, the first login makes one with a key file."""
    broker = Broker()
    if text(broker.call("GET", "/v1/status"), "store") != "none":
        raise _told(StoreExistsError())
    body: Json = {"key": key}
    if key == PASSPHRASE:
        body["passphrase"] = _ask_passphrase(confirm=True)
    answer = broker.call("POST", "/v1/store", body, timeout=_UNLOCK_SECONDS)
    if as_json:
        say_json(answer)
    else:
        say(f"made a store (key source: {text(answer, 'key_source')})")


@click.command()
@json_option
@tells_errors
def unlock(*, as_json: bool) -> None:
    """Open the store: with its passphrase, or with a key that can be had again."""
    broker = Broker()
    before = broker.call("GET", "/v1/status")
    if text(before, "store") == "none":
        raise _told(NoAccountsError())
    body: Json = {}
    if text(before, "store") == "locked" and text(before, "key_source") == PASSPHRASE:
        body["passphrase"] = _ask_passphrase(confirm=False)
    with waiting("opening the store"):
        answer = broker.call("POST", "/v1/unlock", body, timeout=_UNLOCK_SECONDS)
    if as_json:
        say_json(answer)
    elif text(before, "store") == "open":
        say("the store was open already")
    else:
        say("the store is open")


def _told(error: errors.BrokerError) -> BrokerError:
    """An error found here, in the words that the daemon has for it."""
    document = problem(error)
    return error_from_problem(document, 0)


def _ask_passphrase(*, confirm: bool) -> str:
    """From the terminal, else the first line of standard input; never from argv."""
    if sys.stdin.isatty():
        answer: str = click.prompt(
            "Passphrase", hide_input=True, confirmation_prompt=confirm, err=True
        )
        return answer
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise bad_usage(
            "no passphrase was given", "type it at a terminal, or pipe one line in"
        )
    return line
