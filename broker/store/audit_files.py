"""The names of the audit's files, and how they are read. Knows no key.

`audit.jsonl` is the newest; `audit.1.jsonl` the one before, and so on. Every function
blocks.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from broker.host.files import fault, open_to_read

AUDIT_NAME = "audit.jsonl"
_TAIL_BYTES = 256 * 1024
"""Many times the longest line."""

_READ_BYTES = 64 * 1024


def audit_files(folder: Path) -> list[Path]:
    """Those that are there, the oldest first."""
    newest = folder / AUDIT_NAME
    numbered = {}
    for path in folder.glob("audit.*.jsonl"):
        number = path.name.removeprefix("audit.").removesuffix(".jsonl")
        if number.isdecimal() and number.isascii() and not number.startswith("0"):
            numbered[int(number)] = path
    older = [path for _, path in sorted(numbered.items(), reverse=True)]
    return [*older, *([newest] if is_there(newest) else [])]


def is_there(path: Path) -> bool:
    """Whether anything has this name, be it a link that leads nowhere."""
    return os.path.lexists(path)


def lines_of(path: Path) -> Iterator[bytes]:
    """Each line without its newline; a last one that has none comes, too.

    Raises:
        OSError: it cannot be read, or is not a file of ours.
    """
    descriptor = open_to_read(path)
    try:
        found = fault(descriptor)
        if found is not None:
            raise PermissionError(None, found)
        rest = b""
        while data := os.read(descriptor, _READ_BYTES):
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
        if rest:
            yield rest
    finally:
        os.close(descriptor)


def first_line(path: Path) -> bytes:
    """Without its newline; nothing where there is none, or it cannot be read."""
    try:
        return next(lines_of(path), b"")
    except OSError:
        return b""


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file still has that name."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def last_lines(path: Path) -> tuple[list[bytes], bytes]:
    """The whole lines at its end, and what comes after the last of them.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = open_to_read(path)
    try:
        begin = max(0, os.fstat(descriptor).st_size - _TAIL_BYTES)
        os.lseek(descriptor, begin, os.SEEK_SET)
        data = b"".join(iter(lambda: os.read(descriptor, _READ_BYTES), b""))
    finally:
        os.close(descriptor)
    *whole, fragment = data.split(b"\n")
    return whole, fragment


def has_a_line(path: Path) -> bool:
    """Whether it has a whole one."""
    descriptor = open_to_read(path)
    try:
        return b"\n" in os.read(descriptor, _READ_BYTES)
    finally:
        os.close(descriptor)


def next_name(name: str) -> str:
    """What a file is called once another is the newest."""
    number = name.removeprefix("audit.").removesuffix("jsonl").removesuffix(".")
    return f"audit.{int(number or 0) + 1}.jsonl"
