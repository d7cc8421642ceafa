"""What `brokerctl import` is to take over: the files, read and opened."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from broker.control.asking import ask_passphrase
from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    WrongPasswordError,
)
from broker.control.foreign.mcp_remote import server_hash
from broker.control.foreign.reading import (
    ForeignFile,
    Unreadable,
    known_files,
    read_file,
    shown,
)
from broker.control.foreign.tools import TOOLS, Tool, tool_names
from broker.control.output import tell_note
from broker.model.secret import Secret
from brokerd_client import BrokerError


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in, wherever it lies.

    Attributes:
        tool: whose.
        found: what is known of it.
        copies: every file that holds the same token, and as what.
    """

    tool: Tool
    found: Found
    copies: tuple[tuple[ForeignFile, Found], ...]

    @property
    def path(self) -> Path:
        """The first of its files."""
        return self.copies[0][0].path


def sources(words: Sequence[str], tool: str | None) -> list[ForeignFile]:
    """Every file that the person means, opened with the passwords that they need.

    Raises:
        BrokerError: a file cannot be read, or a tool has none.
    """
    files: list[ForeignFile] = []
    for word in words:
        files += _of_tool(word) if word in tool_names() else [_named(word, tool)]
    return [_opened(file) for file in files]


def signs_of(files: Sequence[ForeignFile], only: str | None) -> list[Sign]:
    """The sign-ins that can be taken over; the others are told.

    Args:
        files: opened.
        only: a label, or None for all.

    Raises:
        BrokerError: there is none.
    """
    signs: list[Sign] = []
    others = []
    for file in files:
        for found in file.found:
            if found.obstacle is not None or not found.is_readable:
                others.append((file, found))
            elif only in {None, found.label}:
                _add(signs, file, found)
    obstacles = [
        f"{shown(file.path)}: {found.label}: it "
        + (found.obstacle or "is sealed under another password")
        for file, found in others
        # A copy goes with what it is of.
        if not _is_known(signs, file, found) and only in {None, found.label}
    ]
    if not signs:
        what = obstacles[0] if len(obstacles) == 1 else "there is nothing to take over"
        raise foreign_error(what, "see `brokerctl scan`; docs/moving-in.md says more")
    for obstacle in obstacles:
        tell_note(obstacle)
    return signs


def of_server(signs: Sequence[Sign], url: str) -> list[Sign]:
    """Those of one MCP server, where the names of mcp-remote's files say which are."""
    begin = f"{server_hash(url)}_"
    return [sign for sign in signs if sign.path.name.startswith(begin)] or list(signs)


def foreign_error(what: str, hint: str) -> BrokerError:
    """An error of a file of another tool's."""
    return BrokerError("foreign_file_invalid", what, hint)


def _of_tool(name: str) -> list[ForeignFile]:
    seen = list(known_files(os.environ, frozenset({name})))
    broken = [one for one in seen if isinstance(one, Unreadable)]
    files = [one for one in seen if isinstance(one, ForeignFile)]
    if not files and len(broken) == 1:
        raise _broken(broken[0].path, broken[0].what)
    for one in broken:
        tell_note(f"{shown(one.path)} {one.what}")
    if not files:
        raise foreign_error(
            f"there is nothing of {name} in the places where it keeps its files",
            "name the file itself",
        )
    return files


def _named(word: str, tool: str | None) -> ForeignFile:
    tools = None if tool is None else tuple(t for t in TOOLS if t.name == tool)
    path = Path(word)
    if os.sep not in word and not os.path.lexists(path):
        raise foreign_error(
            f"there is no file {shown(path)} here, and no tool of this name is known",
            f"the tools are {', '.join(tool_names())}",
        )
    try:
        return read_file(path, tools, None)
    except ForeignFileError as exc:
        raise _broken(path, exc.what) from None


def _broken(path: Path, what: str) -> BrokerError:
    return foreign_error(
        f"{shown(path)} {what}", "nothing was taken over; see what it is"
    )


def _opened(file: ForeignFile) -> ForeignFile:
    """The file with what a password opens, if it is sealed under one."""
    sealed = [found for found in file.found if found.is_sealed and not found.obstacle]
    if not sealed or file.tool.password is None:
        return file
    question = f"{file.tool.password} in {shown(file.path)}"
    password = Secret(ask_passphrase(question.capitalize(), is_new=False))
    try:
        opened = read_file(file.path, (file.tool,), password)
    except WrongPasswordError as exc:
        raise BrokerError(
            "wrong_passphrase", f"{shown(file.path)} {exc.what}", "try again"
        ) from None
    except ForeignFileError as exc:
        raise _broken(file.path, exc.what) from None
    return opened


def _add(signs: list[Sign], file: ForeignFile, found: Found) -> None:
    """To the sign-ins; a second copy of a token to the sign-in that it is of."""
    if not _is_known(signs, file, found):
        signs.append(Sign(tool=file.tool, found=found, copies=((file, found),)))


def _is_known(signs: list[Sign], file: ForeignFile, found: Found) -> bool:
    """Whether it is a copy of one of them; it is put to its copies then."""
    for index, sign in enumerate(signs):
        is_same = (
            sign.found.refresh_token == found.refresh_token
            and sign.found.access_token == found.access_token
            and sign.found.credentials == found.credentials
            and sign.found.becomes == found.becomes
        )
        if is_same:
            copies = (*sign.copies, (file, found))
            known = sign.found
            if not known.scopes:
                known = replace(known, scopes=found.scopes)
            signs[index] = replace(sign, found=known, copies=copies)
            return True
    return False
