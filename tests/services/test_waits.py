"""Waiting for the first of several things."""

import asyncio

import pytest

from broker.model.time import Seconds
from broker.services.waits import at_most, first
from tests.fakes.clock import FakeClock, run_until_idle


def waiting_for(event: asyncio.Event, clock: FakeClock) -> asyncio.Task[None]:
    return asyncio.create_task(first(event, clock, Seconds(10)), name="first")


def nobody_else() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_event_ends_it_before_the_time_and_leaves_no_timer() -> None:
    event, clock = asyncio.Event(), FakeClock()
    waiting = waiting_for(event, clock)
    await run_until_idle()
    assert not waiting.done()
    event.set()
    await waiting
    assert clock.sleeping == 0
    assert nobody_else()


async def test_the_time_ends_it_without_the_event() -> None:
    event, clock = asyncio.Event(), FakeClock()
    waiting = waiting_for(event, clock)
    await clock.advance(Seconds(9.9))
    assert not waiting.done()
    await clock.advance(Seconds(0.2))
    assert waiting.done()
    assert nobody_else()


async def test_an_event_that_is_set_already_ends_it_at_once() -> None:
    event, clock = asyncio.Event(), FakeClock()
    event.set()
    await waiting_for(event, clock)
    assert clock.sleeping == 0


async def test_whoever_is_cancelled_leaves_nothing_behind() -> None:
    event, clock = asyncio.Event(), FakeClock()
    waiting = waiting_for(event, clock)
    await run_until_idle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert clock.sleeping == 0
    assert nobody_else()


async def gives(event: asyncio.Event) -> str:
    await event.wait()
    return "it"


async def test_what_comes_in_time_is_given() -> None:
    event, clock = asyncio.Event(), FakeClock()
    event.set()
    assert await at_most(Seconds(10), clock, gives(event)) == "it"
    assert clock.sleeping == 0
    assert nobody_else()


async def test_what_comes_too_late_is_given_up() -> None:
    event, clock = asyncio.Event(), FakeClock()
    waiting = asyncio.create_task(at_most(Seconds(10), clock, gives(event)))
    await clock.advance(Seconds(10))
    assert await waiting is None
    assert nobody_else()


async def test_its_error_is_the_callers() -> None:
    async def fails() -> str:
        raise KeyError

    with pytest.raises(KeyError):
        await at_most(Seconds(10), FakeClock(), fails())
    assert nobody_else()
