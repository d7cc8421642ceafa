"""`brokerctl socket`: sockets that are for some accounts, and for no more."""

from datetime import UTC, datetime
from typing import Unpack
from urllib.parse import quote

import click

from broker.control.broker import Broker, Json, members, text, texts
from broker.control.output import (
    json_option,
    say,
    say_json,
    table,
    tell,
    tell_note,
    tells_errors,
)
from broker.control.socket_forward import forward
from broker.control.socket_options import SocketWords, socket_body, socket_options
from broker.control.socket_run import run, tell_ungranted


@click.group(name="socket", short_help="Make sockets that are for some accounts alone.")
def socket_() -> None:
    """Sockets that are for some accounts and nothing else: containers, hosts, jobs.

    What a program may have is decided by the socket that it can reach; nothing that it
    sends widens it. Programs that run as you can reach the admin socket, too.
    """


@socket_.command()
@click.argument("name")
@socket_options
@json_option
@tells_errors
def add(*, name: str, as_json: bool, **words: Unpack[SocketWords]) -> None:
    """Make a socket NAME. It is there until it is removed, or expires.

    On it there are tokens of its accounts, as narrow as you say, and no administration.
    The path is printed: give it to a program as BROKERD_SOCKET, or bind its folder into
    a container.
    """
    broker = Broker()
    added = broker.call("POST", "/v1/sockets", socket_body(name, words))
    if as_json:
        say_json(added)
    else:
        say(text(added, "path"))
    tell_ungranted(broker, added)


@socket_.command(name="list")
@json_option
@tells_errors
def list_(*, as_json: bool) -> None:
    """List the restricted sockets, and what each is for."""
    answer = Broker().call("GET", "/v1/sockets")
    if as_json:
        say_json(answer)
        return
    listed = members(answer, "sockets")
    if answer.get("damaged") is True:
        tell_note(
            "the restricted sockets of the store cannot be read, and none was opened: "
            "make them anew"
        )
    elif not listed:
        tell("no restricted sockets: `brokerctl socket add NAME --account NAME`")
    table([_row(one) for one in listed])
    for one in listed:
        if fault := text(one, "fault"):
            tell_note(f"{text(one, 'name')} is not open: {fault}")


@socket_.command()
@click.argument("name")
@json_option
@tells_errors
def remove(*, name: str, as_json: bool) -> None:
    """Remove the socket NAME; who is connected to it is cut off."""
    Broker().call("DELETE", f"/v1/sockets/{quote(name, safe='')}")
    if as_json:
        say_json({"removed": name})
    else:
        say(f"removed: {name}")


socket_.add_command(run)
socket_.add_command(forward)


def _row(one: Json) -> dict[str, str]:
    return {
        "name": text(one, "name"),
        "accounts": ",".join(texts(one, "accounts")),
        "for": ",".join(texts(one, "operations")),
        "scopes": " ".join(texts(one, "scopes")) or "all",
        "limits": _limits(one) or "-",
        "until": _end(one),
        "path": text(one, "path"),
    }


def _limits(one: Json) -> str:
    rate = one.get("rate")
    limits = [
        text(one, "resource"),
        f"{rate['most']} in {rate['seconds']:g} s" if isinstance(rate, dict) else "",
        f"max-ttl {one['max_ttl']:g} s" if one.get("max_ttl") else "",
        f"used {text(one, 'used')} of {text(one, 'uses')}" if one.get("uses") else "",
        f"confirm {text(one, 'confirm')}" if one.get("confirm") != "never" else "",
        f"group {text(one, 'group')}" if one.get("group") else "",
    ]
    return ", ".join(limit for limit in limits if limit)


def _end(one: Json) -> str:
    at, process = one.get("expires_at"), one.get("with_process")
    known = _moment(at) if isinstance(at, float | int) else ""
    ended = f"process {process} ends" if isinstance(process, int) else ""
    return ", ".join(end for end in (known, ended) if end) or "removed"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
