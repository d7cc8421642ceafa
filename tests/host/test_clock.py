import asyncio
import time
from collections.abc import Iterator

from broker.host.clock import SystemClock
from broker.model.time import Seconds


def test_now_reads_the_wall_clock_and_the_boot_clock() -> None:
    before = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock().now()
    after = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before[0] <= now.wall <= after[0]
    assert before[1] <= now.boot <= after[1]


def stepping(readings: Iterator[float]) -> SystemClock:
    """As on a system that has no timers of the boot clock."""
    return SystemClock(
        boot=lambda: next(readings), look_again=Seconds(0.001), long_wait=None
    )


async def test_a_sleep_ends_after_a_suspend_though_its_timer_stood_still() -> None:
    # The boot clock jumps by two hours while the sleeper's first short step runs.
    readings = iter([1_000.0, 1_000.0, 8_200.0])
    clock = stepping(readings)
    async with asyncio.timeout(10):
        await clock.sleep(Seconds(3_600))
    assert next(readings, None) is None


async def test_a_long_sleep_looks_at_the_clock_in_bounded_steps() -> None:
    readings = iter([0.0, 0.0, 1.0, 2.0, 3.0])
    clock = stepping(readings)
    async with asyncio.timeout(10):
        await clock.sleep(Seconds(3))
    assert next(readings, None) is None


async def test_a_long_sleep_is_one_step_where_the_boot_clock_has_timers() -> None:
    waited: list[float] = []

    async def wait(seconds: Seconds) -> None:
        waited.append(seconds)

    readings = iter([0.0, 0.0, 3_600.0])
    clock = SystemClock(boot=lambda: next(readings), long_wait=wait)
    await clock.sleep(Seconds(3_600))
    assert waited == [3_600]


async def test_a_sleep_goes_on_in_steps_where_there_is_no_timer_left() -> None:
    async def wait(_: Seconds) -> None:
        raise OSError

    readings = iter([0.0, 0.0, 1.0, 2.0, 3.0])
    clock = SystemClock(
        boot=lambda: next(readings), look_again=Seconds(0.001), long_wait=wait
    )
    await clock.sleep(Seconds(3))
    assert next(readings, None) is None
