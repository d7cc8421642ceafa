"""Time as this machine has it. Satisfies the services' `Clock`."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from broker.model.time import Instant, Seconds, UnixTime

if sys.platform == "linux":
    from broker.host.boot_timer import boot_wait

    LONG_WAIT: Callable[[Seconds], Awaitable[None]] | None = boot_wait
else:
    LONG_WAIT = None

LOOK_AGAIN = Seconds(30)
"""The longest step of a wait by the event loop. Its timers stand still while the
machine is suspended, so a wait looks at the boot clock again at least this often after
waking. Linux has timers of the boot clock: there, a longer wait is one step."""


def boot_seconds() -> float:
    """Seconds since boot, suspend included.

    macOS: CLOCK_MONOTONIC_RAW is mach_continuous_time, which runs on in sleep; its
    CLOCK_MONOTONIC follows adjustments of the wall clock, and time.monotonic()
    stands still in sleep.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
    return time.monotonic()


class SystemClock:
    """The wall clock and the boot clock of this machine."""

    def __init__(
        self,
        *,
        boot: Callable[[], float] = boot_seconds,
        look_again: Seconds = LOOK_AGAIN,
        long_wait: Callable[[Seconds], Awaitable[None]] | None = LONG_WAIT,
    ) -> None:
        self._boot = boot
        self._look_again = look_again
        self._long_wait = long_wait

    def now(self) -> Instant:
        """This moment on both clocks."""
        return Instant(wall=UnixTime(time.time()), boot=Seconds(self._boot()))

    async def sleep(self, seconds: Seconds) -> None:
        """Wait `seconds` of boot time: a suspend counts as waiting."""
        deadline = self._boot() + seconds
        await asyncio.sleep(0)
        while (left := Seconds(deadline - self._boot())) > 0:
            if left <= self._look_again or not await self._waited_long(left):
                await asyncio.sleep(min(left, self._look_again))

    async def _waited_long(self, left: Seconds) -> bool:
        if self._long_wait is None:
            return False
        try:
            await self._long_wait(left)
        except OSError:  # no descriptor is left; the loop has timers of its own
            return False
        return True
