"""Entries come in at once, and are written when they can be."""

import json
import socket
from collections.abc import Callable
from typing import TypeVar

import pytest

from broker.model.account import AccountName
from broker.model.audit import AuditEntry, Result
from broker.model.errors import StoreFailedError
from broker.model.event import Event, EventKind
from broker.model.late import Late
from broker.model.peer import Peer
from broker.model.peer_facts import PeerFacts
from broker.model.time import Seconds, UnixTime
from broker.services.audit import (
    GATHER,
    KEEP_AFTER,
    Audit,
)
from broker.services.audit_pending import MOST_PENDING
from broker.services.audit_settings import HEAD_SETTING, KEY_SETTING
from broker.services.recording import entry_of_daemon, record_event
from broker.services.unrecorded import Unrecorded
from tests.fakes.clock import FakeClock
from tests.fakes.gate import FakeLooker
from tests.fakes.recorder import FakeRecorder
from tests.fakes.store import MemoryStore
from tests.fakes.trail import FakeTrail

T = TypeVar("T")

PEER = Peer(uid=1000, pid=4711)


async def at_once(work: Callable[[], T], /) -> T:
    return work()


class Rig:
    """An audit, and all that it has to do with."""

    def __init__(self) -> None:
        self.trail, self.clock = FakeTrail(), FakeClock()
        self.looker, self.store = FakeLooker(), MemoryStore()
        self.audit = Audit(
            trail=self.trail,
            clock=self.clock,
            looker=Late(lambda: self.looker),
            random=bytes,
            in_thread=at_once,
        )

    def record(self, operation: str = "token", **members: object) -> None:
        entry = {"operation": operation, "result": Result.SERVED, **members}
        self.audit.record(AuditEntry(**entry))  # type: ignore[arg-type]  # a test's

    def open(self) -> None:
        self.audit.attach(self.store)

    async def gathered(self) -> None:
        await self.clock.advance(GATHER)

    @property
    def head(self) -> object:
        text = self.store.settings.get(HEAD_SETTING)
        return None if text is None else json.loads(text)["sequence"]


async def test_an_entry_is_written_half_a_second_later() -> None:
    rig = Rig()
    rig.open()
    rig.record("token", account=AccountName("work"))
    assert rig.trail.lines == []
    await rig.gathered()
    assert rig.trail.said == ["store.opened", "token"]
    assert rig.trail.lines[1]["account"] == "work"


async def test_the_same_again_in_that_time_is_one_line_with_a_number() -> None:
    rig = Rig()
    rig.open()
    for _ in range(1000):
        rig.record("token", rule="default")
    rig.record("token", rule="rule 1")
    await rig.gathered()
    assert [line.get("times") for line in rig.trail.lines] == [None, 1000, None]
    rig.record("token", rule="default")
    await rig.gathered()
    assert "times" not in rig.trail.lines[-1]


async def test_while_the_store_is_locked_entries_wait() -> None:
    rig = Rig()
    rig.record("store.unlock")
    await rig.clock.advance(Seconds(3600))
    assert rig.trail.opened == []
    rig.open()
    await rig.gathered()
    assert rig.trail.said == ["store.unlock", "store.opened"]
    assert rig.trail.lines[0]["at"] == rig.clock.now().wall - 3600 - GATHER


async def test_more_than_there_is_room_for_is_counted_and_said() -> None:
    rig = Rig()
    for number in range(MOST_PENDING + 7):
        rig.record(f"op.{number}")
    rig.open()
    await rig.gathered()
    gap = rig.trail.lines[-1]
    assert len(rig.trail.lines) == MOST_PENDING + 1
    # Among them that the store was opened.
    assert (gap["operation"], gap["lost"]) == ("audit.gap", 8)


async def test_a_full_disk_loses_nothing_while_there_is_room_in_memory() -> None:
    rig = Rig()
    rig.open()
    rig.trail.is_full = True
    rig.record("token")
    await rig.gathered()
    rig.record("token")
    rig.record("later")
    rig.trail.is_full = False
    await rig.clock.advance(Seconds(2))
    assert rig.trail.said == ["store.opened", "token", "later"]
    assert rig.trail.lines[1]["times"] == 2


async def test_what_comes_while_a_full_disk_refuses_is_kept_too() -> None:
    rig = Rig()

    def ask_again() -> None:
        rig.record("token")
        rig.record("new")

    rig.open()
    await rig.gathered()
    rig.record("token")
    rig.trail.is_full, rig.trail.meanwhile = True, ask_again
    await rig.gathered()
    rig.trail.is_full, rig.trail.meanwhile = False, lambda: None
    await rig.clock.advance(Seconds(2))
    assert rig.trail.said == ["store.opened", "token", "new"]
    assert rig.trail.lines[1]["times"] == 2


async def test_what_a_full_disk_has_lost_is_said_when_it_has_room_again() -> None:
    rig = Rig()
    rig.open()
    rig.trail.is_full = True
    rig.record("token")
    await rig.gathered()
    for number in range(MOST_PENDING):
        rig.record(f"op.{number}")
    await rig.clock.advance(Seconds(3))
    rig.trail.is_full = False
    await rig.clock.advance(Seconds(60))
    gap = rig.trail.lines[-1]
    assert (gap["operation"], gap["lost"]) == ("audit.gap", 2)
    assert gap["detail"] == "No space left on device"


async def test_an_idle_daemon_has_no_timer() -> None:
    rig = Rig()
    rig.open()
    rig.record("token")
    await rig.gathered()
    await rig.clock.advance(KEEP_AFTER)
    assert rig.clock.sleeping == 0
    assert rig.head == 2


async def test_where_the_log_ends_is_saved_a_minute_after_it_moved_and_not_before() -> (
    None
):
    rig = Rig()
    rig.open()
    for _ in range(100):
        rig.record("token")
        await rig.gathered()
    assert rig.head is None
    await rig.clock.advance(Seconds(KEEP_AFTER - 50 + GATHER))
    assert rig.head == 101
    assert rig.trail.flushes == 1


async def test_where_it_ends_is_tried_to_be_saved_until_it_is() -> None:
    rig = Rig()
    rig.open()
    await rig.gathered()
    rig.store.fail_next_save()
    await rig.clock.advance(KEEP_AFTER)
    assert rig.head is None
    await rig.clock.advance(KEEP_AFTER)
    assert rig.head == 1


async def test_before_the_store_closes_all_is_written_and_its_end_saved() -> None:
    rig = Rig()
    rig.open()
    rig.record("token")
    await rig.audit.detach()
    assert rig.trail.said == ["store.opened", "token", "store.closed"]
    assert rig.head == 3
    assert rig.trail.closed == 1
    rig.record("token")
    await rig.gathered()
    assert rig.clock.sleeping == 0


async def test_a_store_that_closes_on_a_full_disk_is_not_kept_from_it() -> None:
    rig = Rig()
    rig.open()
    rig.trail.is_full = True
    await rig.audit.detach()
    rig.trail.is_full = False
    rig.open()
    await rig.gathered()
    assert "store.closed" in rig.trail.said


async def test_what_waits_for_a_store_that_stays_locked_is_set_aside_at_the_end() -> (
    None
):
    rig = Rig()
    rig.record("store.unlock")
    await rig.audit.end()
    assert [line["operation"] for line in rig.trail.aside] == ["store.unlock"]
    assert rig.trail.lines == []
    rig.open()
    await rig.audit.detach()
    rig.trail.aside.clear()
    rig.trail.is_full = True
    rig.record("late")
    await rig.audit.end()  # the disk's refusal is no reason not to end


async def test_the_key_is_made_once_and_sealed_in_the_store() -> None:
    rig = Rig()
    rig.open()
    await rig.audit.detach()
    rig.open()
    await rig.audit.detach()
    assert rig.store.settings[KEY_SETTING] == "00" * 32
    (first, _), (second, remembered) = rig.trail.opened
    assert first == second == bytes(32)
    assert remembered.end.sequence == 2


async def test_a_new_file_has_its_beginning_saved_before_an_old_one_goes() -> None:
    rig = Rig()
    rig.open()
    rig.trail.turns = True
    await rig.gathered()
    assert rig.head == 1
    assert rig.trail.pruned == 1
    rig.store.fail_next_save()
    rig.record("token")
    await rig.gathered()
    assert rig.trail.pruned == 1


async def test_a_damaged_key_is_replaced_and_a_damaged_end_is_said() -> None:
    rig = Rig()
    rig.store.settings |= {KEY_SETTING: "ff" * 32, HEAD_SETTING: "{}"}
    rig.store.damaged_settings |= {KEY_SETTING, HEAD_SETTING}
    rig.open()
    await rig.gathered()
    await rig.gathered()
    assert rig.trail.opened[0][0] == bytes(32)
    assert "audit.head_lost" in rig.trail.said


async def test_a_look_through_it_sees_the_newest_entries_too() -> None:
    rig = Rig()
    rig.open()
    rig.record("token")
    assert (await rig.audit.verify()).lines == 2
    rig.trail.is_full = True
    with pytest.raises(StoreFailedError, match="No space left"):
        await rig.audit.verify()
    await rig.audit.detach()


async def test_a_peer_is_what_it_was_when_it_was_first_seen() -> None:
    rig = Rig()
    alone = PeerFacts(uid=1000, pid=4711)
    assert rig.audit.facts(None, PEER) == alone
    assert rig.looker.looks == 0
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert rig.audit.facts(ours, PEER) == alone
    assert rig.looker.looks == 1


def test_what_becomes_of_an_account_is_recorded_and_what_renews_it_is_not() -> None:
    recorder = FakeRecorder()
    for kind in EventKind:
        at, work = UnixTime(1), AccountName("work")
        record_event(recorder, Event(kind=kind, at=at, account=work, reason="why"))
    assert [entry.operation for entry in recorder.entries] == [
        "account.login_needed",
        "account.signed_in",
        "account.signed_out",
        "account.exported",
        "account.revoked",
        "account.not_revoked",
    ]
    assert {entry.detail for entry in recorder.entries} == {"why"}


async def test_an_audit_that_is_switched_off_keeps_nothing() -> None:
    off = Unrecorded()
    off.record(entry_of_daemon("start"))
    off.attach(MemoryStore())
    await off.detach()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert off.facts(ours, PEER) == PeerFacts(uid=1000, pid=4711)
