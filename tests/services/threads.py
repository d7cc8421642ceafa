"""Waiting for what a thread has done to the loop."""

import asyncio

from tests.fakes.sender import FakeSender


async def under_way(sender: FakeSender, number: int) -> None:
    """Return when so many requests are under way."""
    # Not an Event: the sender is asked through the loop, by a thread.
    while sender.under_way != number:  # noqa: ASYNC110
        await asyncio.sleep(0)
