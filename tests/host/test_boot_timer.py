"""Timers of the boot clock. That a suspend counts is the kernel's own promise."""

import asyncio
import resource
from pathlib import Path

import pytest

from broker.host.boot_timer import boot_wait
from broker.host.clock import boot_seconds
from broker.model.time import Seconds
from tests.fakes.clock import run_until_idle

SHORT = Seconds(0.01)


def timers() -> list[str]:
    descriptors = Path("/proc/self/fd").iterdir()
    links = [str(link.readlink()) for link in descriptors if link.is_symlink()]
    return [link for link in links if "timerfd" in link]


async def test_a_wait_lasts_at_least_as_long_as_asked() -> None:
    start = boot_seconds()
    await boot_wait(SHORT)
    assert boot_seconds() - start >= SHORT
    assert timers() == []


async def test_a_wait_of_whole_hours_is_one_timer_of_the_kernel_and_can_be_left() -> (
    None
):
    waiting = asyncio.create_task(boot_wait(Seconds(7_200)))
    await run_until_idle()
    assert timers() == ["anon_inode:[timerfd]"]
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert timers() == []


async def test_it_is_said_that_no_timer_is_left() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            await boot_wait(SHORT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
