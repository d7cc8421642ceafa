"""`brokerctl socket run`: a program with a socket of its own."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Unpack
from urllib.parse import quote

import click

from broker.control.broker import Broker, Json, members, text, texts
from broker.control.child import Child
from broker.control.output import bad_usage, json_option, tell_note, tells_errors
from broker.control.socket_options import (
    SocketWords,
    is_described,
    socket_body,
    socket_options,
)
from broker.ipc.problems import problem
from broker.model.errors import UnknownSocketError
from brokerd_client import BrokerError
from brokerd_client.errors import error_from_problem


@click.command()
@click.argument("name")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND [ARGUMENT]...")
@socket_options
@json_option
@tells_errors
def run(
    *, name: str, command: Sequence[str], as_json: bool, **words: Unpack[SocketWords]
) -> None:
    """Run COMMAND with BROKERD_SOCKET naming the socket NAME.

    With --account and the other options the socket is made for it, and removed when it
    ends. It gets the signals that this command gets, and its exit code is that of this
    command.
    """
    del as_json  # the output is COMMAND's
    child = Child()
    with child.getting_signals(), socket_for(Broker(), name, words) as found:
        own = {**os.environ, "BROKERD_SOCKET": text(found, "path")}
        code = child.run(command, own)
    sys.exit(code)


@contextmanager
def socket_for(broker: Broker, name: str, words: SocketWords) -> Iterator[Json]:
    """The socket of this name, as the list has it; made for the block where described.

    Raises:
        BrokerError: it is there and described, or neither.
    """
    if not is_described(words):
        yield found_socket(broker, name)
        return
    # With us it ends in any case, and a kill -9 leaves none behind.
    body = {**socket_body(name, words), "with_me": True}
    made = broker.call("POST", "/v1/sockets", body)
    try:
        tell_ungranted(broker, made)
        yield made
    finally:
        try:
            broker.call("DELETE", f"/v1/sockets/{quote(name, safe='')}", start=False)
        except BrokerError as exc:
            tell_note(f"the socket {name} is still there: {exc.detail}")


def tell_ungranted(broker: Broker, made: Json) -> None:
    """Say which scopes of a new socket its accounts do not have: they may get them."""
    scopes = set(texts(made, "scopes"))
    if not scopes:
        return
    for one in members(broker.call("GET", "/v1/accounts"), "accounts"):
        name, granted = text(one, "account"), set(texts(one, "scopes"))
        missing = scopes - granted
        if name in texts(made, "accounts") and granted and missing:
            tell_note(
                f"{name!r} was not granted {' '.join(sorted(missing))}: until it is, a "
                "token that names no other scopes is refused there"
            )


def found_socket(broker: Broker, name: str) -> Json:
    """The socket of this name.

    Raises:
        BrokerError: there is none, or it is not open.
    """
    for one in members(broker.call("GET", "/v1/sockets"), "sockets"):
        if text(one, "name") == name:
            if fault := text(one, "fault"):
                raise bad_usage(f"{name} is not open: {fault}", "make it anew")
            return one
    raise error_from_problem(problem(UnknownSocketError(socket=name)), 0)
