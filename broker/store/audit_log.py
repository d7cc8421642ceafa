"""The audit's log on the disk: appended to, turned over, taken up after a crash.

Knows no entry: it is given the bodies of lines. Every method blocks.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from broker.host.files import (
    fault,
    flush_folder,
    flush_to_disk,
    open_to_append,
)
from broker.model.secret import SecretBytes
from broker.store.audit_chain import (
    BEGIN,
    BROKEN,
    TORN,
    End,
    begin_of,
    chained,
    end_of,
    fragment_name,
    key_name,
    own_body,
    parse_line,
    parse_own,
)
from broker.store.audit_check import Remembered, Verdict, check
from broker.store.audit_files import (
    AUDIT_NAME,
    audit_files,
    first_line,
    has_a_line,
    is_at,
    is_there,
    last_lines,
    lines_of,
    next_name,
)
from broker.store.audit_waiting import forget_waiting, set_aside, waiting

_TAKEN_AWAY = "its newest file was taken away while the daemon ran"


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
        self._newest = folder / AUDIT_NAME
        self._is_open = False
        # None, too, where the next file could not be begun yet.
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
        odd = fault(files[-1]) if files else None
        whole, fragment = last_lines(files[-1]) if files and not odd else ([], b"")
        end = end_of(key, whole)
        why = f"its newest file {odd}" if odd else self._broken(files, end)
        if why is not None:
            self._begin_anew(files, at, why)
        else:
            # The chain may have gone on since it was remembered.
            self._set(end or remembered.end)
            self._go_on(files, fragment, at)
        self._is_open = True
        with suppress(OSError):  # they wait for the next opening
            self._take_up()

    def _go_on(self, files: Sequence[Path], fragment: bytes, at: float) -> None:
        if not files or files[-1].name != AUDIT_NAME or self._is_of_another(files[-1]):
            self._turn_over(at)
            return
        self._take()
        if fragment:
            # In one write: a line of its own, and what says that it is none of ours.
            torn = own_body(TORN, at, fragment=fragment_name(fragment))
            self._write([torn], before=b"\n")

    def set_aside(self, bodies: Sequence[bytes]) -> None:
        """Lay these lines where the log that is opened next finds them.

        Raises:
            OSError: the disk refused.
        """
        set_aside(self._folder, bodies)

    def append(self, bodies: Sequence[bytes], at: float) -> bool:
        """Write these lines, all or none.

        Returns:
            Whether a new file has begun: then `remembered` is to be kept soon, and
            `prune` called.

        Raises:
            OSError: the disk refused; the chain is where it was.
        """
        if not self._is_open:
            raise OSError(None, "the log is not open")
        is_begun = self._begin_where_need_be(at)
        self._write(bodies)
        return is_begun

    def _begin_where_need_be(self, at: float) -> bool:
        """Whether a new file has begun: what is written is to be found, and signed."""
        is_held = self._descriptor is not None
        if self._descriptor is not None and not is_at(self._newest, self._descriptor):
            # Else the lines would go where nobody can ever read them.
            self._begin_anew(audit_files(self._folder), at, _TAKEN_AWAY)
            return True
        if not is_held or self._size >= self._max_bytes:
            self._turn_over(at)
            return True
        return False

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
        self._key, self._is_open = SecretBytes(b""), False
        self._let_go()

    def _take_up(self) -> None:
        bodies = waiting(self._folder)
        if bodies:
            self._write(bodies)
        forget_waiting(self._folder)

    def _begun(self) -> list[Path]:
        """The files, without one that a crash kept from beginning."""
        files = audit_files(self._folder)
        if files and fault(files[-1]) is None and not has_a_line(files[-1]):
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

    def _begin_anew(self, files: Sequence[Path], at: float, why: str) -> None:
        # What was found stays as it is, in a file of its own.
        self._turn_over(at, own_body(BROKEN, at, detail=why))
        if not files:
            end = self.remembered.end
            self.remembered = Remembered(first=end.sequence, end=end)

    def _turn_over(self, at: float, *first: bytes) -> None:
        """Begin a new file; those that are there get the next number each.

        Args:
            at: now, on the wall clock.
            first: bodies that go with its beginning, all or none.

        Raises:
            OSError: it cannot be made; it is tried again with the next lines.
        """
        self._finish()
        if is_there(self._newest):
            for path in audit_files(self._folder):
                path.rename(self._folder / next_name(path.name))
        self._take()
        after, key = self.remembered.end.mac.hex(), key_name(self._key)
        try:
            flush_folder(self._folder)
            self._write([own_body(BEGIN, at, after=after, key=key), *first])
        except OSError:
            # With other lines at its beginning it would seem to have been changed.
            self._let_go()
            with suppress(OSError):
                self._newest.unlink()
            raise
        self.remembered = Remembered(first=self._first(), end=self.remembered.end)

    def _first(self) -> int:
        """The number of the first line that will be there after `prune`.

        It moves where something is pruned, and nowhere else: what is gone by another's
        hand is missed until then.
        """
        files = audit_files(self._folder)
        kept = files[-(self._keep + 1) :]
        for path in kept if len(kept) < len(files) else ():
            line = parse_line(first_line(path))
            if line is not None and begin_of(self._key, line) is not None:
                return max(line.sequence, self.remembered.first)
        return self.remembered.first

    def _is_of_another(self, path: Path) -> bool:
        """Whether the file says that it is of another key: another store's."""
        line = parse_line(first_line(path))
        own = None if line is None else parse_own(line)
        if own is None or own.operation != BEGIN:
            return False
        return own.key != key_name(self._key)

    def _finish(self) -> None:
        """Let go of a file that is full, its end on the disk before the next one's."""
        with suppress(OSError):  # what is missing then is found by `check`
            self.flush()
        self._let_go()

    def _take(self) -> None:
        self._let_go()
        self._descriptor = open_to_append(self._newest)
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
