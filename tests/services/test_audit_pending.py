"""What waits to be written is counted, bounded, and nobody's to fill."""

import json

from broker.model.account import AccountName
from broker.model.audit import AuditEntry, Result
from broker.model.peer_facts import PeerFacts
from broker.model.time import UnixTime
from broker.services.audit_pending import MOST_OF_A_PEER, MOST_PENDING, Pending

AT = UnixTime(1_800_000_000.0)
LATER = UnixTime(1_800_000_001.0)
CURL = PeerFacts(uid=1000, pid=1)


def entry(number: int, peer: PeerFacts | None = None) -> AuditEntry:
    name = AccountName(f"a{number}")
    result = Result.SERVED
    return AuditEntry(operation="token", result=result, account=name, peer=peer)


def lines(pending: Pending) -> list[dict[str, object]]:
    return [json.loads(body) for body in pending.bodies("why")]


def times(pending: Pending) -> int:
    """How often anything is said to have happened."""
    said = [line.get("times", 1) for line in lines(pending)]
    assert all(isinstance(one, int) for one in said)
    return sum(one for one in said if isinstance(one, int))


def test_the_same_again_is_one_line() -> None:
    pending = Pending()
    for _ in range(1000):
        pending.add(entry(1), AT)
    assert [(line["account"], line["times"]) for line in lines(pending)] == [
        ("a1", 1000)
    ]


def test_a_program_that_asks_for_ever_other_things_drives_nobody_into_a_gap() -> None:
    pending = Pending()
    for number in range(10 * MOST_PENDING):
        pending.add(entry(number, CURL), AT)
    pending.add(entry(1, PeerFacts(uid=1000, pid=2)), AT)
    assert pending.lost is None
    assert len(lines(pending)) == MOST_OF_A_PEER + 2
    assert times(pending) == 10 * MOST_PENDING + 1
    (rest,) = [line for line in lines(pending) if "detail" in line]
    assert "account" not in rest
    assert (rest["result"], rest["peer"]) == ("served", {"uid": 1000, "pid": 1})


def test_what_there_is_no_room_for_is_counted() -> None:
    pending = Pending()
    for number in range(MOST_PENDING + 7):
        pending.add(entry(number), AT if number <= MOST_PENDING else LATER)
    gap = lines(pending)[-1]
    assert (gap["lost"], gap["since"], gap["at"]) == (7, AT, LATER)


def test_what_could_not_be_written_waits_with_what_came_since() -> None:
    first, later = Pending(), Pending()
    for number in range(MOST_PENDING):
        first.add(entry(number), AT)
    for number in range(MOST_PENDING + 3):
        later.add(entry(MOST_PENDING + number), LATER)
    later.add(entry(1), LATER, times=5)
    first.add_all(later)
    assert "times" not in lines(first)[1]
    assert lines(first)[-1]["lost"] == MOST_PENDING + 3 + 5
    again = Pending()
    again.add(entry(1), LATER, times=5)
    first.add_all(again)
    assert (lines(first)[1]["at"], lines(first)[1]["times"]) == (AT, 6)
    assert bool(first)
    assert not Pending()
