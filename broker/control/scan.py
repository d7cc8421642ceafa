"""`brokerctl scan`: OAuth tokens that lie in plaintext, and who can read them."""

import os

import click

from broker.control.broker import Json
from broker.control.foreign.found import Found
from broker.control.foreign.reading import (
    ForeignFile,
    Unreadable,
    known_files,
    shown,
)
from broker.control.output import json_option, say_json, table, tell, tells_errors

_READERS = {
    "you": "you alone",
    "group": "your group",
    "everyone": "EVERYONE",
    "unknown": "see its access list",
}


@click.command(short_help="List OAuth tokens that other tools keep in plaintext.")
@json_option
@tells_errors
def scan(*, as_json: bool) -> None:
    """List OAuth tokens that other tools keep in plaintext, and who can read them.

    Looks where the tools usually keep them; no token is shown, and nothing is changed.
    """
    seen = list(known_files(os.environ))
    files = [file for file in seen if isinstance(file, ForeignFile)]
    broken = [file for file in seen if isinstance(file, Unreadable)]
    plain = sum(found.is_plain for file in files for found in file.found)
    if as_json:
        unreadable = [
            {"tool": one.tool.name, "path": str(one.path), "what": one.what}
            for one in broken
        ]
        listed = [file_json(file) for file in files]
        say_json({"plaintext": plain, "files": listed, "unreadable": unreadable})
        return
    table([_row(file, found) for file in files for found in file.found])
    for one in broken:
        tell(f"brokerctl: note: {shown(one.path)} {one.what}")
    tell(f"{plain} in plaintext")
    if plain:
        tell("`brokerctl import TOOL` takes them over, and removes the copies")


def file_json(file: ForeignFile) -> Json:
    """A file and what it holds, without a secret."""
    return {
        "tool": file.tool.name,
        "path": str(file.path),
        "mode": None if file.mode is None else f"{file.mode:04o}",
        "owner": file.owner,
        "readers": file.readers,
        "found": [
            {"label": found.label, "state": state(found), "obstacle": found.obstacle}
            for found in file.found
        ],
    }


def state(found: Found) -> str:
    """'plaintext', 'sealed' under a password, or 'none': no token of a person's."""
    if found.is_plain:
        return "plaintext"
    return "sealed" if found.is_sealed else "none"


def _row(file: ForeignFile, found: Found) -> dict[str, str]:
    return {
        "tool": file.tool.name,
        "account": found.label,
        "token": state(found),
        "readers": _READERS[file.readers],
        "mode": "-" if file.mode is None else f"{file.mode:04o}",
        "owner": _owner(file.owner),
        "path": shown(file.path),
    }


def _owner(uid: int | None) -> str:
    if uid is None:
        return "-"
    try:
        import pwd  # noqa: PLC0415 - POSIX alone
    except ImportError:
        return str(uid)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
