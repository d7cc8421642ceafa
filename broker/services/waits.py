"""Waiting for the first of several things. Knows no services."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from broker.model.time import Seconds
from broker.services.interfaces import Clock

_Result = TypeVar("_Result")


async def first(event: asyncio.Event, clock: Clock, seconds: Seconds) -> None:
    """Return when `event` is set, or after `seconds` of `clock`."""
    await at_most(seconds, clock, event.wait())


async def at_most(
    seconds: Seconds, clock: Clock, wanted: Coroutine[object, object, _Result]
) -> _Result | None:
    """What `wanted` gives, or None after `seconds` of `clock`: it is cancelled then."""
    asked = asyncio.create_task(wanted, name="wanted")
    waits = [asked, asyncio.create_task(clock.sleep(seconds), name="deadline")]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return asked.result() if asked.done() else None
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
