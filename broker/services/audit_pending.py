"""The entries that wait to be written: counted, bounded, put back. Knows no clock."""

from collections import Counter

from broker.model.audit import AuditEntry, audit_body, gap_body, merged
from broker.model.time import UnixTime

MOST_PENDING = 512
"""Different entries that wait; a person's programs have a dozen in half a second."""

MOST_OF_A_PEER = 32
"""Of them by one program: what else it asks for is one line, which is no one's gap."""


class _One:
    __slots__ = ("at", "entry", "times")

    def __init__(self, entry: AuditEntry, at: UnixTime, times: int) -> None:
        self.entry = entry
        self.at = at
        self.times = times


class _Lost:
    """Entries that there was no room for."""

    def __init__(self, at: UnixTime) -> None:
        self.count = 0
        self.since = self.until = at


class Pending:
    """What waits.

    The same by the same program is one entry, with a number: a program that asks ten
    thousand times a second costs its one line, one that asks for ever other things a
    few, and neither can drive the rest out of the log.
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[object, ...], _One] = {}
        self._of_peers: Counter[int] = Counter()
        self.lost: _Lost | None = None

    def __bool__(self) -> bool:
        return bool(self.entries) or self.lost is not None

    def add(self, entry: AuditEntry, at: UnixTime, times: int = 1) -> None:
        """Take one in, which has happened `times` times since `at`."""
        same = entry.sameness
        one = self.entries.get(same)
        if one is None and self._of_peers[id(entry.peer)] >= MOST_OF_A_PEER:
            entry = merged(entry)
            same = entry.sameness
            one = self.entries.get(same)
        if one is not None:
            one.times += times
        elif len(self.entries) < MOST_PENDING:
            self.entries[same] = _One(entry, at, times)
            if entry.peer is not None:
                self._of_peers[id(entry.peer)] += 1
        else:
            self._lose(times, at, at)

    def add_all(self, later: "Pending") -> None:
        """Take in what has come since."""
        if later.lost is not None:
            self._lose(later.lost.count, later.lost.since, later.lost.until)
        for one in later.entries.values():
            self.add(one.entry, one.at, one.times)

    def bodies(self, why: str) -> list[bytes]:
        """Their lines; the last says how many there was no room for, and why."""
        ones = self.entries.values()
        bodies = [audit_body(one.entry, one.at, one.times) for one in ones]
        lost = self.lost
        if lost is not None:
            bodies.append(gap_body(lost.count, lost.since, lost.until, why))
        return bodies

    def _lose(self, count: int, since: UnixTime, until: UnixTime) -> None:
        if self.lost is None:
            self.lost = _Lost(since)
        self.lost.count += count
        self.lost.until = until
