"""Waiting for the first of several things. Knows no services."""

import asyncio

from broker.model.time import Seconds
from broker.services.interfaces import Clock


async def first(event: asyncio.Event, clock: Clock, seconds: Seconds) -> None:
    """Return when `event` is set, or after `seconds` of `clock`."""
    waits = [
        asyncio.create_task(event.wait(), name="event"),
        asyncio.create_task(clock.sleep(seconds), name="deadline"),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
