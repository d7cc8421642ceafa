"""The store is locked when nobody has used it for a while."""

import asyncio

from broker.model.time import Seconds
from broker.services.idle_lock import IdleLock
from tests.fakes.clock import FakeClock, run_until_idle

AFTER = Seconds(600)


class Rig:
    """An idle lock, and how often it has locked."""

    def __init__(self, after: Seconds | None = AFTER, *, can_lock: bool = True) -> None:
        self.clock = FakeClock()
        self.locked = 0
        self.can_lock = can_lock
        self.idle = IdleLock(after=after, clock=self.clock, lock=self._lock)

    async def _lock(self) -> bool:
        self.locked += 1
        return self.can_lock


async def test_it_locks_once_after_so_long_without_use() -> None:
    rig = Rig()
    rig.idle.start()
    await rig.clock.advance(Seconds(599))
    assert rig.locked == 0
    await rig.clock.advance(Seconds(2))
    assert rig.locked == 1
    await rig.clock.advance(Seconds(5000))
    assert rig.locked == 1
    assert rig.clock.sleeping == 0


async def test_each_use_puts_it_off() -> None:
    rig = Rig()
    rig.idle.start()
    for _ in range(5):
        await rig.clock.advance(Seconds(500))
        rig.idle.used()
    assert rig.locked == 0
    await rig.clock.advance(Seconds(599))
    assert rig.locked == 0
    await rig.clock.advance(Seconds(1))
    assert rig.locked == 1


async def test_a_suspend_counts_as_idle() -> None:
    rig = Rig()
    rig.idle.start()
    await run_until_idle()
    await rig.clock.suspend(Seconds(10_000))
    assert rig.locked == 1


async def test_a_wall_clock_that_is_moved_locks_nothing() -> None:
    rig = Rig()
    rig.idle.start()
    rig.clock.set_wall(rig.clock.now().wall + 10**6)  # type: ignore[arg-type]
    await rig.clock.advance(Seconds(599))
    assert rig.locked == 0


async def test_a_lock_that_is_refused_is_tried_again_as_long_later() -> None:
    rig = Rig(can_lock=False)
    rig.idle.start()
    await rig.clock.advance(Seconds(600))
    assert rig.locked == 1
    await rig.clock.advance(Seconds(599))
    assert rig.locked == 1
    await rig.clock.advance(Seconds(1))
    assert rig.locked == 2
    await rig.idle.stop()


async def test_without_the_choice_there_is_no_timer() -> None:
    rig = Rig(None)
    rig.idle.start()
    rig.idle.used()
    await rig.clock.advance(Seconds(10**6))
    assert (rig.locked, rig.clock.sleeping) == (0, 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_stopped_locks_no_more_and_leaves_nothing_behind() -> None:
    rig = Rig()
    rig.idle.start()
    rig.idle.start()
    await rig.clock.advance(Seconds(500))
    await rig.idle.stop()
    await rig.idle.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await rig.clock.advance(Seconds(500))
    assert (rig.locked, rig.clock.sleeping) == (0, 0)


async def test_what_begins_again_counts_from_then() -> None:
    rig = Rig()
    rig.idle.start()
    await rig.clock.advance(Seconds(500))
    await rig.idle.stop()
    await rig.clock.advance(Seconds(500))
    rig.idle.start()
    await rig.clock.advance(Seconds(599))
    assert rig.locked == 0
    await rig.clock.advance(Seconds(1))
    assert rig.locked == 1


async def test_while_something_is_under_way_it_is_not_idle() -> None:
    rig = Rig()
    rig.idle.start()
    with rig.idle.not_idle():
        await rig.clock.advance(Seconds(2000))
    assert rig.locked == 0
    await rig.clock.advance(Seconds(599))
    assert rig.locked == 0
    await rig.clock.advance(Seconds(1))
    assert rig.locked == 1
