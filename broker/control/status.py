"""`brokerctl status`: the daemon and its store, and loudly what is wrong with it."""

from datetime import UTC, datetime

import click

from broker.control.broker import Broker, Json, members, text, texts
from broker.control.output import json_option, say, say_json, tell, tells_errors
from broker.store.keys.names import PLAIN
from brokerd_client import BrokerError


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
    for line in [*_lines(answer), *warnings(answer)]:
        say(line)
    if warnings(answer):
        tell("brokerctl: hint: `brokerctl doctor` says what to do")


def _tell_not_running(error: BrokerError, *, as_json: bool) -> None:
    if as_json:
        say_json({"running": False, "socket": error.facts.get("socket")})
    else:
        say(error.detail)


def _lines(answer: Json) -> list[str]:
    reason = text(answer, "locked_because")
    source = text(answer, "key_source") or "none yet"
    version, pid = text(answer, "version"), text(answer, "pid")
    count = text(answer, "accounts") or "-"
    slots = [_slot(one) for one in members(answer, "slots")]
    return [
        f"brokerd {version}, pid {pid}, since {_moment(answer, 'started_at')}",
        f"socket: {text(answer, 'socket')}",
        f"config: {text(answer, 'config')}",
        f"store: {text(answer, 'store')}" + (f" ({reason})" if reason else ""),
        f"key source: {source}" + (" (a key file)" if source == PLAIN else ""),
        f"key slots: {', '.join(slots) or '-'}",
        f"generation: {text(answer, 'generation') or '-'}",
        f"accounts: {count}, logins under way: {text(answer, 'logins')}",
        *_question_lines(answer),
        *_issuer_lines(answer),
        *_clock_lines(answer),
    ]


def _slot(slot: Json) -> str:
    in_use = " (in use)" if slot.get("in_use") else ""
    return f"{text(slot, 'slot')} {text(slot, 'source')}{in_use}"


def _moment(answer: Json, name: str) -> str:
    value = answer.get(name)
    seconds = value if isinstance(value, float | int) else 0
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M}"


def _question_lines(answer: Json) -> list[str]:
    count = text(answer, "questions")
    is_open = count not in ("", "0")
    return [f"questions: {count} open, answer: brokerctl approve"] if is_open else []


def _issuer_lines(answer: Json) -> list[str]:
    return [
        f"issuer {text(each, 'issuer')}: {_state(each)} since "
        f"{_clock(each, 'since')}, next try {_clock(each, 'until')} "
        f"({text(each, 'reason')})"
        for each in members(answer, "issuers")
    ]


def _state(issuer: Json) -> str:
    client = text(issuer, "client_id")
    return f"it rejects the client {client}" if client else text(issuer, "state")


def _clock_lines(answer: Json) -> list[str]:
    return [
        f"clock: this machine is {abs(ahead):.0f} s "
        f"{'behind' if ahead > 0 else 'ahead of'} {text(each, 'issuer')}; "
        "set it right, or tokens end when nobody expects it"
        for each in members(answer, "clock")
        if isinstance(ahead := each.get("ahead"), int | float)
    ]


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


def warnings(answer: Json) -> list[str]:
    """What is wrong with the store, each as one line."""
    found = [words for member, words in _FAULTS.items() if answer.get(member)]
    degraded = answer.get("degraded")
    if isinstance(degraded, dict):
        names = ", ".join(texts(degraded, "unsaved"))
        since, what = _moment(degraded, "since"), text(degraded, "what")
        found.insert(
            0,
            f"DEGRADED since {since}: the disk refuses the newest sign-ins of {names} "
            f"({what}); they are in memory alone: make room or mend the disk before "
            "the daemon ends, and they are saved by themselves",
        )
    return [f"warning: {line}" for line in found]


_FAULTS = {
    "old_copy": "an older copy of the store was put in its place",
    "altered": "records of the store are missing, or are not those that were saved",
    "damaged_records": "records of the store do not open: their accounts are missing",
}
"""By the member of the status; `brokerctl doctor` says what to do about each."""
