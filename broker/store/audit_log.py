"""The audit's files on the disk: appended to, turned over, taken up after a crash.

`audit.jsonl` is the newest; `audit.1.jsonl` the one before, and so on. Knows no entry:
it is given the bodies of lines. Every method blocks.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from broker.host.files import fault, flush_to_disk, open_to_append, open_to_read
from broker.model.secret import SecretBytes
from broker.store.audit_chain import (
    BEGIN,
    BROKEN,
    TORN,
    End,
    begin_of,
    chained,
    fragment_name,
    is_authentic,
    key_name,
    own_body,
    parse_line,
    parse_own,
)
from broker.store.audit_check import Remembered, Verdict, check

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
    return [*older, *([newest] if newest.exists() else [])]


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


class AuditLog:
    """The open log of one chain.

    Args:
        folder: the person's own.
        max_bytes: of a file, after which the next begins.
        keep: files that are kept beside the newest.

    Attributes:
        remembered: what is to be kept of it outside of its files.
    """

    def __init__(self, folder: Path, *, max_bytes: int, keep: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep = keep
        self._key = SecretBytes(b"")
        self._descriptor: int | None = None
        self._size = 0
        self.remembered = Remembered()

    def open(self, key: SecretBytes, remembered: Remembered, at: float) -> None:
        """Take up the chain where it is, or begin one.

        Args:
            key: of the chain.
            remembered: from the store; what is not so is written into the log.
            at: now, on the wall clock.

        Raises:
            OSError: the files cannot be had.
        """
        self._key, self.remembered = key, remembered
        files = self._begun()
        end, fragment = _tail(key, files[-1]) if files else (None, b"")
        why = self._broken(files, end)
        if why is not None:
            self._begin_anew(files, at)
            self._write([own_body(BROKEN, at, detail=why)])
            return
        # The chain may have gone on since it was remembered.
        self._set(end or remembered.end)
        if not files or files[-1].name != AUDIT_NAME or self._is_of_another(files[-1]):
            self._turn_over(at)
            return
        self._take(self._folder / AUDIT_NAME)
        if fragment:
            # In one write: a line of its own, and what says that it is none of ours.
            torn = own_body(TORN, at, fragment=fragment_name(fragment))
            self._write([torn], before=b"\n")

    def append(self, bodies: Sequence[bytes], at: float) -> bool:
        """Write these lines, all or none.

        Returns:
            Whether a new file has begun: then `remembered` is to be kept soon, and
            `prune` called.

        Raises:
            OSError: the disk refused; the chain is where it was.
        """
        if self._descriptor is None:
            raise OSError(None, "the log is not open")
        is_full = self._size >= self._max_bytes
        if is_full:
            self._turn_over(at)
        self._write(bodies)
        return is_full

    def prune(self) -> None:
        """Take away the files that need not be kept; `remembered` is kept by now."""
        for path in audit_files(self._folder)[: -(self._keep + 1)]:
            with suppress(OSError):
                path.unlink()

    def flush(self) -> None:
        """What was written is on the disk when this returns."""
        if self._descriptor is not None:
            flush_to_disk(self._descriptor)

    def check(self) -> Verdict:
        """Look through all files; takes a second for some hundred thousand lines.

        Raises:
            OSError: one cannot be read.
        """
        ours = [p for p in audit_files(self._folder) if not self._is_of_another(p)]
        files = [(path.name, lines_of(path)) for path in ours]
        return check(self._key, files, self.remembered)

    def close(self) -> None:
        """Let go of file and key. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        self._key = SecretBytes(b"")
        if descriptor is not None:
            os.close(descriptor)

    def _begun(self) -> list[Path]:
        """The files, without one that a crash kept from beginning."""
        files = audit_files(self._folder)
        if files and not _has_a_line(files[-1]):
            files.pop().unlink()
        return files

    def _broken(self, files: Sequence[Path], end: End | None) -> str | None:
        """Why the end that is there is not the one that must be, or None."""
        due = self.remembered.end
        if not files or (due.sequence == 0 and end is None):
            return "its files are gone" if due.sequence else None
        if end is None:
            if self._is_of_another(files[-1]):
                return "its newest file is another store's"
            return "its last line is not what was written"
        if end.sequence < due.sequence:
            return f"it ended with line {end.sequence} instead of {due.sequence}"
        if end.sequence == due.sequence and end.mac != due.mac:
            return "its last line is not what the store remembers"
        return None

    def _begin_anew(self, files: Sequence[Path], at: float) -> None:
        # What was found stays as it is, in a file of its own.
        self._set(self.remembered.end)
        self._turn_over(at)
        if not files:
            end = self.remembered.end
            self.remembered = Remembered(first=end.sequence, end=end)

    def _turn_over(self, at: float) -> None:
        """Begin a new file; those that are there get the next number each.

        Raises:
            OSError: it cannot be made; the old one is gone on with next time.
        """
        self._let_go()
        newest = self._folder / AUDIT_NAME
        if newest.exists():
            for path in audit_files(self._folder):
                path.rename(self._folder / _next_name(path.name))
        self._take(newest)
        end = self.remembered.end
        after, key = end.mac.hex(), key_name(self._key)
        self._write([own_body(BEGIN, at, after=after, key=key)])
        self.remembered = Remembered(first=self._first(), end=self.remembered.end)

    def _first(self) -> int:
        """The number of the first line that will be there after `prune`."""
        kept = audit_files(self._folder)[-(self._keep + 1) :]
        for path in kept:
            line = parse_line(next(lines_of(path), b""))
            if line is not None and begin_of(self._key, line) is not None:
                return max(line.sequence, self.remembered.first)
        return self.remembered.first

    def _is_of_another(self, path: Path) -> bool:
        """Whether the file says that it is of another key: another store's."""
        line = parse_line(next(lines_of(path), b""))
        own = None if line is None else parse_own(line)
        if own is None or own.operation != BEGIN:
            return False
        return own.key != key_name(self._key)

    def _take(self, path: Path) -> None:
        self._descriptor = open_to_append(path)
        self._size = os.fstat(self._descriptor).st_size
        found = fault(self._descriptor)
        if found is not None:
            self._let_go()
            raise PermissionError(None, found)

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _set(self, end: End) -> None:
        self.remembered = Remembered(first=self.remembered.first, end=end)

    def _write(self, bodies: Sequence[bytes], before: bytes = b"") -> None:
        assert self._descriptor is not None  # noqa: S101 - for mypy
        end, data = self.remembered.end, bytearray(before)
        for body in bodies:
            line, end = chained(self._key, end, body)
            data += line
        try:
            _write_all(self._descriptor, data)
        except OSError:
            with suppress(OSError):  # where not even that can be: a torn line
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)
        self._set(end)


def _write_all(descriptor: int, data: bytearray) -> None:
    if os.write(descriptor, data) < len(data):
        # What is left would be told why: a full disk takes what it can first.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _has_a_line(path: Path) -> bool:
    descriptor = open_to_read(path)
    try:
        return b"\n" in os.read(descriptor, _READ_BYTES)
    finally:
        os.close(descriptor)


def _next_name(name: str) -> str:
    number = name.removeprefix("audit.").removesuffix("jsonl").removesuffix(".")
    return f"audit.{int(number or 0) + 1}.jsonl"


def _tail(key: SecretBytes, path: Path) -> tuple[End | None, bytes]:
    """Where the chain is by the file's last whole line, and what comes after that.

    None where that line is not authentic.
    """
    descriptor = open_to_read(path)
    try:
        begin = max(0, os.fstat(descriptor).st_size - _TAIL_BYTES)
        os.lseek(descriptor, begin, os.SEEK_SET)
        data = b"".join(iter(lambda: os.read(descriptor, _READ_BYTES), b""))
    finally:
        os.close(descriptor)
    *whole, fragment = data.split(b"\n")
    last = parse_line(whole[-1]) if whole else None
    if last is None:
        return None, fragment
    end = End(sequence=last.sequence, mac=last.mac)
    befores = [before.mac for before in map(parse_line, whole[-3:-1]) if before]
    first = begin_of(key, last)
    if first is not None or any(is_authentic(key, mac, last) for mac in befores):
        return end, fragment
    return None, fragment
