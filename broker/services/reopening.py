"""Tries again to open a store whose key may be had later. Knows no store.

A keyring that the desktop unlocks, a home that is mounted, a file that comes back:
none of them tells us. So we look: soon at first, then twice a minute, and whenever a
program has just been told that the store is locked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from broker.model.time import Seconds
from broker.services.interfaces import Clock
from broker.services.waits import first

log = logging.getLogger(__name__)

FIRST_PAUSE = Seconds(1)
LONGEST_PAUSE = Seconds(30)


class Reopener:
    """Calls `attempt` until it says that it is done."""

    def __init__(self, clock: Clock, attempt: Callable[[], Awaitable[bool]]) -> None:
        self._clock = clock
        self._attempt = attempt
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, where it has not begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="reopen the store")

    def ask(self) -> None:
        """Somebody is waiting: look again soon."""
        self._asked.set()

    async def stop(self) -> None:
        """End; idempotent. The attempt itself may be the one who calls."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        # The pause is kept whoever asks: each attempt may start a keyring.
        await self._clock.sleep(FIRST_PAUSE)
        while not await self._tried():
            self._asked.clear()
            await self._clock.sleep(FIRST_PAUSE)
            await first(self._asked, self._clock, Seconds(pause))
            pause = Seconds(min(2 * pause, LONGEST_PAUSE))
        if self._task is asyncio.current_task():  # else it has been begun anew
            self._task = None

    async def _tried(self) -> bool:
        try:
            return await self._attempt()
        except Exception:
            # Our bug, or an answer of a keyring that nobody has foreseen: the next one
            # may be another, and nobody else would look.
            log.exception("store.reopen.failed")
            return False
