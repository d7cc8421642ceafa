"""Token requests without end, over expiries and faults; what the daemon takes then."""

import itertools
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.issuers import FaultyIssuer, faulty_issuers
from tests.faults.peer import ask_token, sign_in
from tests.faults.readings import descriptors, peers, resident
from tests.system.person import Person, daemon, new_person
from tests.system.waiting import wait_until

ROUNDS = 5
"""The first is for warming up."""

MOST_GROWTH = 2 * 1024 * 1024
"""Bytes between the second round and the last, however many requests those had:
allocators keep a little."""

LARGEST_LOG = 8 * 1024 * 1024
"""Bytes; SQLite begins the log anew at 1000 pages, which is half of it."""

_LIFE_SECONDS = 1
_WELL = tuple(f"well-{n}" for n in range(8))
_SICK = "sick"
_FAULTS = ("status-503", None, "html", "reset", "commit-then-drop", None, "drop")
_FAULT_SECONDS = 0.2
_SOAKER = Path(__file__).parent / "soaker.py"


@dataclass(frozen=True)
class Round:
    """What was seen in one round, and after it, when all was quiet.

    Attributes:
        statuses: of the accounts whose issuers are well.
        refreshes: that those accounts needed.
        resident: bytes of memory.
        wal: the most bytes that the store's write-ahead log had.
        opened: how many files and sockets are open from the first round on.
    """

    statuses: Counter[str]
    refreshes: int
    resident: int
    wal: int
    opened: int


def soak(requests: int) -> list[Round]:
    """`requests` in all; fails where a descriptor stays open or a grant is lost."""
    with new_person() as person, faulty_issuers() as issuers, daemon(person) as running:
        well, sick = issuers.open("well"), issuers.open(_SICK)
        for issuer in (well, sick):
            issuer.set(life=_LIFE_SECONDS, forgives=True)
        for name in _WELL:
            sign_in(person, well, name)
        sign_in(person, sick)
        pid, faults = running.pid, itertools.cycle(_FAULTS)
        rounds: list[Round] = []
        for _ in range(ROUNDS):
            before = well.refreshes()
            statuses, wal = _round(person, requests // ROUNDS, sick, faults)
            refreshes = well.refreshes() - before
            wait_until(lambda: peers(pid, person.socket) == 0, "every peer is let go")
            # The first opens what stays open, such as the audit log.
            opened = rounds[0].opened if rounds else descriptors(pid)
            wait_until(partial(_has_no_more, pid, opened), "all is closed again")
            rounds.append(Round(statuses, refreshes, resident(pid), wal, opened))
        sick.set(fault=None)
        wait_until(lambda: ask_token(person, _SICK).code == "ok", "the sick one heals")
    return rounds


def _has_no_more(pid: int, opened: int) -> bool:
    return descriptors(pid) <= opened


def _round(
    person: Person, requests: int, sick: FaultyIssuer, faults: Iterator[str | None]
) -> tuple[Counter[str], int]:
    """What the well accounts were told, and the largest write-ahead log."""
    ill = _soaker(person, requests // 10, _SICK)
    well = _soaker(person, requests - requests // 10, *_WELL)
    log, largest = person.store.with_name("store.db-wal"), 0
    while running := [one for one in (ill, well) if one.poll() is None]:
        sick.set(fault=next(faults))
        with suppress(subprocess.TimeoutExpired):
            running[0].wait(_FAULT_SECONDS)
        largest = max(largest, log.stat().st_size)
    _statuses(ill)
    return _statuses(well), largest


def _soaker(person: Person, requests: int, *accounts: str) -> subprocess.Popen[str]:
    words = (str(person.socket), str(requests), *accounts)
    return person.start("python3", "-c", _SOAKER.read_text(), *words)


def _statuses(soaker: subprocess.Popen[str]) -> Counter[str]:
    output, complaint = soaker.communicate()
    assert soaker.returncode == 0, complaint
    return Counter(json.loads(output))


def require_steady(rounds: list[Round]) -> None:
    """Fail where peers were refused, or where memory or the log go on growing."""
    told = {status for one in rounds for status in one.statuses}
    assert told == {"200"}, rounds
    assert all(one.refreshes for one in rounds), "there was to be an expiry in each"
    growth = rounds[-1].resident - rounds[1].resident
    assert growth < MOST_GROWTH, rounds
    assert max(one.wal for one in rounds) < LARGEST_LOG, rounds
