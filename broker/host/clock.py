"""Time as this machine has it. Satisfies the services' `Clock`."""

import asyncio
import sys
import time
from collections.abc import Callable

from broker.model.time import Instant, Seconds, UnixTime

LOOK_AGAIN = Seconds(30)
"""The longest step of a wait. Timers stand still while the machine is suspended, so
a wait looks at the boot clock again at least this often after waking."""


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
    ) -> None:
        self._boot = boot
        self._look_again = look_again

    def now(self) -> Instant:
        """This moment on both clocks."""
        return Instant(wall=UnixTime(time.time()), boot=Seconds(self._boot()))

    async def sleep(self, seconds: Seconds) -> None:
        """Wait `seconds` of boot time: a suspend counts as waiting."""
        deadline = self._boot() + seconds
        await asyncio.sleep(0)
        while (left := deadline - self._boot()) > 0:  # noqa: ASYNC110 - clocks have no event
            await asyncio.sleep(min(left, self._look_again))
