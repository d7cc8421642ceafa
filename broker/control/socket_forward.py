"""`brokerctl socket forward`: a socket on another host, over ssh.

While it waits it is the hand at the desk: a sign-in that somebody begins on the other
host opens the browser here.
"""

import os
import shlex
import sys
import threading
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Unpack

import click

from broker.control.broker import Broker, text
from broker.control.child import Child
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell,
    tells_errors,
)
from broker.control.remote_logins import RemoteLogins
from broker.control.remote_place import prepared_place
from broker.control.socket_options import SocketWords, is_described, socket_options
from broker.control.socket_run import socket_for

_OPTIONS = ("-o", "StreamLocalBindUnlink=yes", "-o", "ExitOnForwardFailure=yes")


@click.command(short_help="Let programs on another host have tokens, over ssh.")
@click.argument("name")
@click.argument("host")
@click.argument("ssh_options", nargs=-1, metavar="[-- SSH_OPTION...]")
@socket_options
@click.option(
    "--remote-path",
    type=click.Path(path_type=PurePosixPath),
    help="Where the socket is to be there; HOST is asked once otherwise.",
)
@click.option(
    "--print", "prints", is_flag=True, help="Print the ssh line, run nothing."
)
@click.option("--no-browser", is_flag=True, help="Print URLs, open none.")
@click.option(
    "--browser", metavar="NAME", help="Which browser, as Python's webbrowser names it."
)
@json_option
@tells_errors
def forward(
    *,
    name: str,
    host: str,
    ssh_options: Sequence[str],
    remote_path: PurePosixPath | None,
    prints: bool,
    no_browser: bool,
    browser: str | None,
    as_json: bool,
    **words: Unpack[SocketWords],
) -> None:
    """Let programs on HOST have what the socket NAME is for, over ssh, until Ctrl-C.

    With --account and the other options the socket is made for it, and removed at the
    end: one socket a host. With --operations token,login, `brokerctl login` there opens
    the browser here, and the sign-in is kept here.
    """
    if host.startswith("-"):
        raise bad_usage(
            "HOST is a name that ssh knows", "options of ssh stand after --"
        )
    if prints and is_described(words):
        raise bad_usage(
            "--print makes no socket, which would go with this command",
            f"brokerctl socket add {name} …, then --print",
        )
    child = Child()
    with child.getting_signals(), socket_for(Broker(), name, words) as found:
        local = text(found, "path")
        if prints and remote_path is not None:
            place = str(remote_path)
        else:
            place = prepared_place(host, ssh_options, remote_path)
        line = ssh_line(host, ssh_options, place, local)
        if as_json:
            say_json({"socket": name, "path": local, "remote": place, "ssh": line})
        elif prints:
            say(shlex.join(line))
        else:
            tell(f"on {host}: {place}")
        if prints:
            return
        logins = RemoteLogins(name, host, opens=not no_browser, browser=browser)
        over = threading.Event()
        listening = threading.Thread(
            target=logins.listen, args=(over,), name="sign-ins there", daemon=True
        )
        listening.start()
        try:
            code = child.run(line, os.environ)
        finally:
            over.set()
    _tell_end(host, code)
    sys.exit(code)


def ssh_line(
    host: str, ssh_options: Sequence[str], remote: str, local: str
) -> list[str]:
    """What ssh is told; nothing of it is secret, as everybody can read it in ps."""
    pair = f"{remote}:{local}"
    return ["ssh", "-N", *_OPTIONS, *ssh_options, "-R", pair, host]


_SSH_FAILED = 255


def _tell_end(host: str, code: int) -> None:
    if code == _SSH_FAILED:
        tell(
            "brokerctl: hint: ssh could not go on. It notices a dead connection sooner "
            f"with `-- -o ServerAliveInterval=15`; run this again for {host}, or let a "
            "service of yours do so"
        )
