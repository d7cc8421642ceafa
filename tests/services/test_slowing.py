"""Whoever tries one passphrase after the other is slowed."""

import asyncio

import pytest

from broker.model.time import Seconds
from broker.services.slowing import FIRST_DELAY, LONGEST_DELAY, Slowing
from tests.fakes.clock import FakeClock, run_until_idle


async def waited(slowing: Slowing, clock: FakeClock) -> float:
    """For how many seconds the next passphrase is not looked at."""
    began = clock.now().boot
    waiting = asyncio.create_task(slowing.wait(), name="wait")
    await run_until_idle()
    while not waiting.done():
        await clock.advance(Seconds(0.1))
    return round(clock.now().boot - began, 3)


async def test_the_first_passphrase_is_looked_at_at_once() -> None:
    clock = FakeClock()
    assert await waited(Slowing(clock), clock) == 0


async def test_each_wrong_one_doubles_the_wait_up_to_a_limit() -> None:
    clock = FakeClock()
    slowing = Slowing(clock)
    waits = []
    for _ in range(9):
        slowing.was_wrong()
        waits.append(await waited(slowing, clock))
    assert waits[:4] == [FIRST_DELAY, 0.2, 0.4, 0.8]
    assert waits[-2:] == [LONGEST_DELAY, LONGEST_DELAY]


@pytest.mark.parametrize("wrong", [12, 5000])
async def test_however_many_were_wrong_the_wait_stays_at_the_limit(wrong: int) -> None:
    clock = FakeClock()
    slowing = Slowing(clock)
    for _ in range(wrong):
        slowing.was_wrong()
    assert await waited(slowing, clock) == LONGEST_DELAY


async def test_a_right_one_ends_it() -> None:
    clock = FakeClock()
    slowing = Slowing(clock)
    slowing.was_wrong()
    slowing.was_right()
    assert await waited(slowing, clock) == 0
