import asyncio
import time

from broker.host.clock import SystemClock
from broker.model.time import Seconds


def test_now_reads_the_wall_clock_and_the_boot_clock() -> None:
    before = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock().now()
    after = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before[0] <= now.wall <= after[0]
    assert before[1] <= now.boot <= after[1]


async def test_a_sleep_ends_after_a_suspend_though_its_timer_stood_still() -> None:
    # The boot clock jumps by two hours while the sleeper's first short step runs.
    readings = iter([1_000.0, 1_000.0, 8_200.0])
    clock = SystemClock(boot=lambda: next(readings), look_again=Seconds(0.001))
    async with asyncio.timeout(10):
        await clock.sleep(Seconds(3_600))
    assert next(readings, None) is None


async def test_a_long_sleep_looks_at_the_clock_in_bounded_steps() -> None:
    readings = iter([0.0, 0.0, 1.0, 2.0, 3.0])
    clock = SystemClock(boot=lambda: next(readings), look_again=Seconds(0.001))
    async with asyncio.timeout(10):
        await clock.sleep(Seconds(3))
    assert next(readings, None) is None
