"""Foreign files on this machine: where they lie, who can read them, what is in them."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from broker.control.foreign.found import NO_LABEL, ForeignFileError, Found
from broker.control.foreign.tools import TOOLS, Place, Tool, candidates
from broker.model.secret import Secret
from broker.model.text import safe_text

LARGEST_BYTES = 8 * 1024 * 1024
"""gcloud's database of a thousand accounts takes two million."""

_LONGEST_PATH = 4096

_MOST_FILES = 200
"""Of one place: a folder of more is not what it was taken for."""

_NO_TOOL = "is not what any tool writes that is known here: say which with --as"


class ForeignFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a tool's, read.

    Attributes:
        tool: whose.
        path: of it.
        data: its bytes as they were, for `removing`; never shown.
        found: what it holds.
        mode: its permission bits; None where the system has none.
        owner: uid, or None.
        readers: who can read it: 'you', 'group' or 'everyone'; 'unknown' where the
            system has no permission bits.
    """

    tool: Tool
    path: Path
    data: Secret
    found: tuple[Found, ...]
    mode: int | None
    owner: int | None
    readers: str


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A file that lies where a tool keeps one, and that is not what it should be."""

    tool: Tool
    path: Path
    what: str


def shown(path: Path) -> str:
    """A path for people: whoever made a file may have called it something that rewrites
    a terminal.
    """
    return safe_text(str(path), _LONGEST_PATH)


def known_files(
    environ: Mapping[str, str], names: frozenset[str] | None = None
) -> Iterator[ForeignFile | Unreadable]:
    """Every file in a known place, in the order of the table; each path once.

    Args:
        environ: of the person: HOME, XDG_CONFIG_HOME and the tools' own variables.
        names: of the tools that are wanted; None for all.
    """
    seen: set[Path] = set()
    for tool in TOOLS:
        if names is not None and tool.name not in names:
            continue
        for place in tool.places:
            for path in _paths(place, environ):
                if path in seen or _is_passed_over(tool, path):
                    continue
                seen.add(path)
                try:
                    yield read_file(path, (tool,), None)
                except ForeignFileError as exc:
                    yield Unreadable(tool=tool, path=path, what=exc.what)


def read_file(
    path: Path, tools: tuple[Tool, ...] | None, password: Secret | None
) -> ForeignFile:
    """One file, by the first tool that can read it.

    Args:
        path: of the file.
        tools: who may have written it; None to go by its name and form.
        password: that opens it, where the person was asked for one.

    Raises:
        ForeignFileError: it is none of theirs, or cannot be read.
    """
    data, status = _bytes(path)
    wanted = candidates(path.name) if tools is None else tools
    faults = []
    for tool in wanted:
        try:
            found = _with_beside(tool, path, tool.parse(data, password))
            found = tuple(_labelled(tool, path, one) for one in found)
        except ForeignFileError as exc:
            faults.append(exc)
            continue
        has_modes = os.name == "posix"
        return ForeignFile(
            tool=tool,
            path=path,
            data=Secret(data.decode("latin-1")),
            found=found,
            mode=stat.S_IMODE(status.st_mode) if has_modes else None,
            owner=status.st_uid if has_modes else None,
            readers=_readers(path, status) if has_modes else "unknown",
        )
    raise faults[0] if len(faults) == 1 else ForeignFileError(_NO_TOOL)


def _with_beside(tool: Tool, path: Path, found: tuple[Found, ...]) -> tuple[Found, ...]:
    if tool.beside is None or tool.with_beside is None:
        return found
    own, other = tool.beside
    beside = path.with_name(path.name.removesuffix(own) + other)
    if not path.name.endswith(own) or not os.path.lexists(beside):
        return found
    data, _ = _bytes(beside)
    return tuple(tool.with_beside(one, data) for one in found)


def _labelled(tool: Tool, path: Path, found: Found) -> Found:
    if tool.label is None or found.label != NO_LABEL:
        return found
    return replace(found, label=tool.label(path.name))


def _bytes(path: Path) -> tuple[bytes, os.stat_result]:
    """The whole of a plain file, and what is known of it.

    No link is followed: what it leads to could be another's, and would be deleted.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink():
            raise ForeignFileError("is a link: name the file that it leads to")
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:  # noqa: PTH123 - a descriptor
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ForeignFileError("is no file")
            data = file.read(LARGEST_BYTES + 1)
    except OSError as exc:
        reason = (exc.strerror or "unknown").lower()
        raise ForeignFileError(f"cannot be read: {reason}") from None
    if len(data) > LARGEST_BYTES:
        raise ForeignFileError("is too large to be one")
    return data, status


def _paths(place: Place, environ: Mapping[str, str]) -> Iterator[Path]:
    folder = _folder(place.within, environ)
    if folder is None:
        return
    if not place.pattern:
        # A variable that names the file itself.
        yield from (folder,) if os.path.lexists(folder) else ()
        return
    try:
        found = sorted(folder.glob(place.pattern))[:_MOST_FILES]
    except OSError:  # a folder that is another's
        return
    yield from (path for path in found if not _is_folder(path))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it may be listed, and not entered: reading it will say so
        return False


def _folder(within: str, environ: Mapping[str, str]) -> Path | None:
    if within.startswith("$"):
        value = environ.get(within.removeprefix("$"))
        return Path(value) if value else None
    home = Path(environ.get("HOME") or Path.home())
    if within.startswith("~"):
        return home / within.removeprefix("~").removeprefix("/")
    config = environ.get("XDG_CONFIG_HOME")
    base = Path(config) if config and Path(config).is_absolute() else home / ".config"
    return base / within.removeprefix("config").removeprefix("/")


def _is_passed_over(tool: Tool, path: Path) -> bool:
    """oidc-agent keeps its settings beside its accounts."""
    settings = path.name in {"config", "issuer.config", "oidc-agent.env"}
    return tool.name == "oidc-agent" and (
        settings or path.suffix in {".config", ".log"}
    )


def _readers(path: Path, status: os.stat_result) -> str:
    """Who can get at the file: its own bits, and those of every folder above it.

    Above where it really is: a linked folder is entered from there, too.
    """
    real = Path(os.path.realpath(path))
    above = [parent.stat().st_mode for parent in real.parents]

    def can(read: int, enter: int) -> bool:
        return bool(status.st_mode & read) and all(mode & enter for mode in above)

    if can(stat.S_IROTH, stat.S_IXOTH):
        return "everyone"
    # A folder may be entered by its group or by everyone.
    if can(stat.S_IRGRP, stat.S_IXGRP | stat.S_IXOTH):
        return "group"
    return "you"
