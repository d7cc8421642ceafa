"""Looks through the audit's files for what was changed. Pure: lines go in.

What it finds: a line that was edited, removed or moved, an end that was cut off, a
file that was taken away or put in another's place. In a file it stops at the first of
these: what comes after it there is bound to nothing that can be trusted. The first
line of a file is authentic by itself, and so the look goes on from there.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import pairwise

import msgspec

from broker.model.secret import SecretBytes
from broker.store.audit_chain import (
    BROKEN,
    TORN,
    End,
    Line,
    begin_of,
    fragment_name,
    is_authentic,
    parse_line,
    parse_own,
)


class FaultKind(Enum):
    """What was found; the value is its name on the wire."""

    EDITED = "edited"
    """A line is not what was written."""
    MISPLACED = "misplaced"
    """A line has another number than was to come: some were removed or moved."""
    UNREADABLE = "unreadable"
    """It is no line of the log."""
    NO_BEGINNING = "no_beginning"
    """A file does not begin as files do, or the oldest lines are gone."""
    CUT = "cut"
    """The last lines are gone."""
    REPLACED = "replaced"
    """The lines at the end are not those that the store remembers."""
    BROKEN_BEFORE = "broken_before"
    """The daemon itself found it so when it started, and began anew."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that is wrong, and where: the line counts from 1."""

    kind: FaultKind
    file: str
    line: int
    what: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked through.

    Attributes:
        lines: authentic ones.
        end: of the chain as the files have it.
        torn: lines that a crash cut off; each is told by the line after it.
        faults: the first of each file; and each place where the daemon itself found
            one, and went on.
    """

    lines: int
    end: End
    torn: int
    faults: tuple[Fault, ...] = ()


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the chain outside of its files.

    Attributes:
        first: the number of the oldest line that is kept.
        end: of the chain, as it was saved last.
    """

    first: int = 1
    end: End = msgspec.field(default_factory=End)


def check(
    key: SecretBytes,
    files: Sequence[tuple[str, Iterable[bytes]]],
    remembered: Remembered,
) -> Verdict:
    """Look through every file, the oldest first.

    Args:
        key: of the chain.
        files: each with its lines, newlines taken off.
        remembered: what must be in them.
    """
    walk = _Walk(key, remembered)
    for name, lines in files:
        walk.file(name, lines)
    walk.finish()
    faults = tuple(walk.faults)
    return Verdict(lines=walk.lines, end=walk.end, torn=walk.torn, faults=faults)


class _Walk:
    """Where the look is."""

    def __init__(self, key: SecretBytes, remembered: Remembered) -> None:
        self._key = key
        self._remembered = remembered
        self._is_begun = False
        # Where a fault was met, nothing is known of the chain until a file begins.
        self._is_lost = False
        self._file, self._number = "audit.jsonl", 0
        self.lines = self.torn = 0
        self.end = End()
        self.faults: list[Fault] = []

    def file(self, name: str, lines: Iterable[bytes]) -> None:
        """Go through one file, to its first fault."""
        self._file, self._number = name, 0
        try:
            self._read(lines)
        except OSError as exc:
            what = f"it cannot be read: {exc.strerror or exc}"
            self._lose(FaultKind.UNREADABLE, what)

    def _read(self, lines: Iterable[bytes]) -> None:
        for self._number, (raw, following) in enumerate(_with_next(lines), start=1):
            line = parse_line(raw)
            if self._number == 1:
                self._begin(line)
            if not self._is_lost:
                self._take(raw, line, following)
            if self._is_lost:
                return

    def finish(self) -> None:
        """What must have been met by now."""
        end, remembered = self.end, self._remembered.end
        if not self._is_lost and end.sequence < remembered.sequence:
            self._lose(
                FaultKind.CUT,
                f"it ends with line {end.sequence} of the chain, and "
                f"{remembered.sequence} had been written",
            )

    def _begin(self, line: Line | None) -> None:
        begin = None if line is None else begin_of(self._key, line)
        if begin is None:
            self._lose(FaultKind.NO_BEGINNING, "the file does not begin as files do")
            return
        if not self._is_begun and begin.sequence >= self._remembered.first:
            self._note(
                FaultKind.NO_BEGINNING,
                f"it begins with line {begin.sequence + 1} of the chain, and "
                f"{self._remembered.first} is to be there",
            )
        elif self._is_begun and not self._is_lost and begin != self.end:
            self._note(*_misfit(begin, self.end))
        self._is_begun, self._is_lost, self.end = True, False, begin

    def _take(self, raw: bytes, line: Line | None, following: bytes | None) -> None:
        if following is not None and self._is_torn(raw, following):
            self.torn += 1
            return
        if line is None:
            self._lose(FaultKind.UNREADABLE, "it is no line of the log")
            return
        due = self.end.sequence + 1
        if line.sequence != due:
            what = f"it is line {line.sequence} of the chain where {due} was to come"
            self._lose(FaultKind.MISPLACED, what)
        elif not is_authentic(self._key, self.end.mac, line):
            self._lose(FaultKind.EDITED, "it is not what was written")
        else:
            self._pass(line)

    def _pass(self, line: Line) -> None:
        self.end = End(sequence=line.sequence, mac=line.mac)
        self.lines += 1
        remembered = self._remembered.end
        own = parse_own(line) if b'"audit.' in line.signed else None
        if own is not None and own.operation == BROKEN:
            self._note(FaultKind.BROKEN_BEFORE, own.detail)
        elif line.sequence == remembered.sequence and line.mac != remembered.mac:
            self._lose(FaultKind.REPLACED, "it is not what the store remembers")

    def _is_torn(self, raw: bytes, following: bytes) -> bool:
        """Whether the next line says, authentically, that this one was cut off."""
        line = parse_line(following) if b'"audit.torn"' in following else None
        if line is None or line.sequence != self.end.sequence + 1:
            return False
        own = parse_own(line)
        return (
            own is not None
            and own.operation == TORN
            and own.fragment == fragment_name(raw)
            and is_authentic(self._key, self.end.mac, line)
        )

    def _lose(self, kind: FaultKind, what: str) -> None:
        self._note(kind, what)
        self._is_lost = True

    def _note(self, kind: FaultKind, what: str) -> None:
        self.faults.append(
            Fault(kind=kind, file=self._file, line=self._number, what=what)
        )


def _misfit(begin: End, end: End) -> tuple[FaultKind, str]:
    """What is wrong with a file that begins elsewhere than the one before it ends."""
    if begin.sequence > end.sequence:
        gone = f"lines {end.sequence + 1} to {begin.sequence} of the chain are gone"
        return FaultKind.CUT, f"before it, {gone}"
    if begin.sequence < end.sequence:
        there = f"line {begin.sequence + 1} of the chain where {end.sequence + 1}"
        return FaultKind.MISPLACED, f"it begins with {there} was to come"
    return FaultKind.REPLACED, "the file before it is not the one that it goes on"


def _with_next(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    """Each with the one after it; the last with None."""
    last: bytes | None = None

    def kept() -> Iterator[bytes]:
        nonlocal last
        for last in lines:  # noqa: UP028 - the last one is looked at below
            yield last

    yield from pairwise(kept())
    if last is not None:
        yield last, None
