"""Locks the store when nobody has used it for a while. Knows no store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from broker.model.time import Seconds
from broker.services.interfaces import Clock


class IdleLock:
    """Calls `lock` once nothing was used for `after` seconds."""

    def __init__(
        self,
        *,
        after: Seconds | None,
        clock: Clock,
        lock: Callable[[], Awaitable[bool]],
    ) -> None:
        """Take the choice of the person.

        Args:
            after: seconds of the boot clock; None never locks, and has no timer.
            clock: time.
            lock: what to do then; says whether it could be done.
        """
        self._after = after
        self._clock = clock
        self._lock = lock
        self._used = Seconds(0)
        self._under_way = 0
        self._task: asyncio.Task[None] | None = None

    def used(self) -> None:
        """Somebody has used the store just now; costs next to nothing."""
        if self._after is not None:
            self._used = self._clock.now().boot

    @contextmanager
    def not_idle(self) -> Iterator[None]:
        """Around what uses the store at its end: until then it is not locked."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self.used()

    def start(self) -> None:
        """Begin to wait."""
        if self._after is not None and self._task is None:
            self.used()
            self._task = asyncio.create_task(self._run(self._after), name="idle lock")

    async def stop(self) -> None:
        """End; idempotent. The lock itself may be the one who calls."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, after: Seconds) -> None:
        while True:
            # A use moves only the moment, not the timer.
            while (left := self._used + after - self._clock.now().boot) > 0:
                await self._clock.sleep(Seconds(left))
            if not self._under_way and await self._lock():
                return
            self.used()
