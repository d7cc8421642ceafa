"""What the disk refused is saved again, for as long as it takes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from broker.model.event import Event, EventKind
from broker.model.time import Seconds, UnixTime
from broker.services.events import Events, Subscription
from broker.services.grants import Grants
from broker.services.resaving import LONGEST_PAUSE, Degraded, Resaver
from tests.fakes.clock import START, FakeClock, run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, WORK, a_grant


class Rig:
    """A resaver over a store whose disk refuses when a test says so."""

    def __init__(self) -> None:
        self.clock, self.store, self.events = FakeClock(), MemoryStore(), Events()
        self.grants = Grants(self.store)
        self.resaver = Resaver(grants=self.grants, clock=self.clock, events=self.events)

    @contextmanager
    def listening(self) -> Iterator[Subscription]:
        with self.events.subscribe() as subscription:
            yield subscription


def told(subscription: Subscription) -> list[Event]:
    """Every event that has happened."""
    return list(subscription._events)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await made.grants.load()
    running = asyncio.create_task(made.resaver.run(), name="run")
    await run_until_idle()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert made.clock.sleeping == 0


async def test_while_all_is_saved_there_is_no_timer_and_nothing_is_told(
    rig: Rig,
) -> None:
    with rig.listening() as heard:
        await rig.grants.signed_in(a_grant())
        await run_until_idle()
        assert rig.clock.sleeping == 0
        assert rig.resaver.degraded is None
        assert told(heard) == []


async def test_what_the_disk_refused_is_told_saved_and_told_again(rig: Rig) -> None:
    rig.store.fail_next_save(2)
    with rig.listening() as heard:
        await rig.grants.signed_in(a_grant())
        await run_until_idle()
        assert rig.resaver.degraded == Degraded(
            since=START.wall, accounts=(WORK,), what="the disk is full"
        )
        await rig.clock.advance(Seconds(1))
        assert rig.resaver.degraded is not None
        await rig.clock.advance(Seconds(2))
        assert rig.resaver.degraded is None
        assert rig.store.grants[WORK] == rig.grants.get(WORK)
        at = UnixTime(START.wall + 3)
        assert told(heard) == [
            Event(kind=EventKind.UNSAVED, at=START.wall, reason="the disk is full"),
            Event(kind=EventKind.SAVED, at=at),
        ]
    assert rig.clock.sleeping == 0


async def test_it_tries_ever_more_seldom_but_at_least_once_a_minute(rig: Rig) -> None:
    rig.store.fail_next_save(10**6)
    await rig.grants.signed_in(a_grant())
    tries = []
    for _ in range(600):
        before = rig.store._failures
        await rig.clock.advance(Seconds(1))
        tries.append(before - rig.store._failures)
    at = [second for second, tried in enumerate(tries, 1) if tried]
    assert at[:5] == [1, 3, 7, 15, 31]
    assert {b - a for a, b in itertools.pairwise(at[6:])} == {60}
    rig.store.mend()
    await rig.clock.advance(LONGEST_PAUSE)
    assert rig.resaver.degraded is None


async def test_since_when_it_is_so_is_said_whoever_joins_later(rig: Rig) -> None:
    rig.store.fail_next_save(10**6)
    await rig.grants.signed_in(a_grant())
    await rig.clock.advance(Seconds(100))
    with rig.listening() as heard:
        await rig.grants.signed_in(a_grant(HOME))
        await run_until_idle()
        degraded = rig.resaver.degraded
        assert degraded is not None
        assert (degraded.since, degraded.accounts) == (START.wall, (HOME, WORK))
        assert told(heard) == []
    rig.store.mend()
    await rig.clock.advance(LONGEST_PAUSE)
    assert set(rig.store.grants) == {HOME, WORK}


async def test_a_second_time_is_told_and_begins_soon_again(rig: Rig) -> None:
    for _ in range(2):
        rig.store.fail_next_save(1)
        with rig.listening() as heard:
            await rig.grants.signed_in(a_grant())
            degraded = rig.resaver.degraded
            assert degraded is not None
            assert degraded.since == rig.clock.now().wall
            await rig.clock.advance(Seconds(1))
            assert [e.kind for e in told(heard)] == [EventKind.UNSAVED, EventKind.SAVED]


async def test_a_grant_that_is_forgotten_is_not_unsaved_for_ever(rig: Rig) -> None:
    rig.store.fail_next_save(1)
    await rig.grants.signed_in(a_grant())
    await run_until_idle()
    await rig.grants.forget(rig.grants.get(WORK))
    assert rig.resaver.degraded is None
    with rig.listening() as heard:
        await rig.clock.advance(Seconds(600))
        assert [e.kind for e in told(heard)] == [EventKind.SAVED]
    assert rig.clock.sleeping == 0
