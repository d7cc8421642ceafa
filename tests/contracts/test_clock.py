"""What every `Clock` promises, and what the fake one can do besides."""

import asyncio

import pytest

from broker.host.clock import SystemClock
from broker.model.time import Instant, Seconds, UnixTime
from broker.services.interfaces import Clock
from tests.fakes.clock import START, FakeClock, run_until_idle

SHORT = Seconds(0.01)


@pytest.fixture(params=["fake", "real"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return FakeClock() if request.param == "fake" else SystemClock()


async def until_awake(clock: Clock, sleeping: "asyncio.Task[None]") -> None:
    if isinstance(clock, FakeClock):
        await clock.advance(SHORT)
    await sleeping


async def test_a_sleep_lasts_at_least_as_long_as_asked(clock: Clock) -> None:
    start = clock.now()
    await until_awake(clock, asyncio.create_task(clock.sleep(SHORT)))
    assert clock.now().boot - start.boot >= SHORT


@pytest.mark.parametrize("seconds", [0, -5])
async def test_a_sleep_of_nothing_ends_by_itself(clock: Clock, seconds: int) -> None:
    await clock.sleep(Seconds(seconds))


async def test_a_sleep_of_nothing_lets_others_run(clock: Clock) -> None:
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await clock.sleep(Seconds(0))
    assert ran.is_set()


async def test_a_cancelled_sleeper_leaves_the_others_asleep(clock: Clock) -> None:
    leaving = asyncio.create_task(clock.sleep(SHORT))
    staying = asyncio.create_task(clock.sleep(SHORT))
    await asyncio.sleep(0)
    leaving.cancel()
    await until_awake(clock, staying)
    assert leaving.cancelled()


async def test_both_clocks_go_forward(clock: Clock) -> None:
    before = clock.now()
    await until_awake(clock, asyncio.create_task(clock.sleep(SHORT)))
    assert clock.now().boot > before.boot


async def test_sleepers_wake_in_their_order_each_at_its_own_moment() -> None:
    clock = FakeClock()
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(Seconds(seconds))
        woken.append(clock.now().boot - START.boot)

    tasks = [asyncio.create_task(sleeper(s)) for s in (30, 10, 20, 99)]
    await clock.advance(Seconds(60))
    assert woken == [10, 20, 30]
    assert clock.now().boot == START.boot + 60
    assert clock.sleeping == 1
    tasks[-1].cancel()
    await run_until_idle()
    assert clock.sleeping == 0


async def test_a_sleeper_that_sleeps_again_wakes_in_the_same_advance() -> None:
    clock = FakeClock()
    ticks: list[float] = []

    async def ticker() -> None:
        for _ in range(3):
            await clock.sleep(Seconds(10))
            ticks.append(clock.now().wall - START.wall)

    ticking = asyncio.create_task(ticker())
    await clock.advance(Seconds(30))
    assert ticks == [10, 20, 30]
    await ticking


async def test_a_suspend_moves_both_clocks_and_wakes_sleepers_late() -> None:
    clock = FakeClock()
    woken: list[Instant] = []

    async def sleeper() -> None:
        await clock.sleep(Seconds(10))
        woken.append(clock.now())

    sleeping = asyncio.create_task(sleeper())
    await clock.suspend(Seconds(3_600))
    after = Instant(wall=UnixTime(START.wall + 3_600), boot=Seconds(START.boot + 3_600))
    assert woken == [after]
    await sleeping


async def test_moving_the_wall_wakes_nobody_and_leaves_the_boot_clock() -> None:
    clock = FakeClock()
    sleeping = asyncio.create_task(clock.sleep(Seconds(10)))
    await run_until_idle()
    clock.set_wall(UnixTime(0))
    await run_until_idle()
    assert clock.now() == Instant(wall=UnixTime(0), boot=START.boot)
    assert not sleeping.done()
    await clock.advance(Seconds(10))
    assert sleeping.done()
    assert clock.now().wall == UnixTime(10)
