"""`brokerctl doctor`: what is well, what is not, and what to do about it."""

import sys

import click

from broker.control.broker import Broker, Json, members, text
from broker.control.output import json_option, say, say_json, tells_errors, waiting
from broker.ipc.doctor_wire import doctor_reply
from broker.model.finding import Level
from brokerd_client import BrokerError
from brokerd_client.exit_codes import exit_code

EXAMINE_SECONDS = 90
"""All of a large store is read, and each keyring asked."""

_MARKS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


@click.command(short_help="Look at folders, disk, store and keys; change nothing.")
@json_option
@tells_errors
def doctor(*, as_json: bool) -> None:
    """Look at folders, disk, store and keys; starts and changes nothing.

    The exit code is 0 where nothing is an error.
    """
    report = _report()
    if as_json:
        say_json(report)
    else:
        for found in members(report, "findings"):
            _say(found)
    if text(report, "level") == Level.ERROR.value:
        sys.exit(exit_code("unhealthy"))


def _say(found: Json) -> None:
    level = text(found, "level")
    say(f"{_MARKS.get(level, level)}  {text(found, 'check')}: {text(found, 'what')}")
    if hint := text(found, "hint"):
        say(f"         {hint}")


def _report() -> Json:
    """The daemon's report, or ours where none runs."""
    try:
        with waiting("looking at everything"):
            return Broker().call(
                "GET", "/v1/doctor", start=False, timeout=EXAMINE_SECONDS
            )
    except BrokerError as exc:
        if exc.facts.get("cause") != "not_running":
            raise
    # Half of the daemon: no other command needs it.
    from broker.control.examination import examined  # noqa: PLC0415

    return doctor_reply(examined())
