"""A clock that moves only when the test says so. Satisfies `Clock`."""

import asyncio
import heapq
import itertools

from broker.model.time import Instant, Seconds, UnixTime

START = Instant(wall=UnixTime(1_800_000_000), boot=Seconds(5_000))
"""An afternoon in 2027, some time after boot."""


class FakeClock:
    """Time that moves only when the test calls `advance`, `suspend` or `set_wall`."""

    def __init__(self, now: Instant = START) -> None:
        self._now = now
        self._ties = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> Instant:
        return self._now

    @property
    def sleeping(self) -> int:
        """How many wait on this clock: a test of 'no timer' asserts 0."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def sleep(self, seconds: Seconds) -> None:
        woken = asyncio.get_running_loop().create_future()
        deadline = self._now.boot + max(seconds, 0.0)
        heapq.heappush(self._sleepers, (deadline, next(self._ties), woken))
        if seconds <= 0:
            self._wake_due()
            await asyncio.sleep(0)
        await woken

    async def advance(self, seconds: Seconds) -> None:
        """Wake sleepers in order of their deadlines, each at its own moment."""
        end = self._now.boot + seconds
        await run_until_idle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._move_to(max(self._sleepers[0][0], self._now.boot))
            self._wake_due()
            await run_until_idle()
        self._move_to(end)
        await run_until_idle()

    async def suspend(self, seconds: Seconds) -> None:
        """The machine sleeps: both clocks move, and whoever was due wakes late."""
        await run_until_idle()
        self._move_to(self._now.boot + seconds)
        self._wake_due()
        await run_until_idle()

    def set_wall(self, wall: UnixTime) -> None:
        """Somebody moves the wall clock; the boot clock and all sleepers stay."""
        self._now = Instant(wall=wall, boot=self._now.boot)

    def _move_to(self, boot: float) -> None:
        passed = boot - self._now.boot
        self._now = Instant(wall=UnixTime(self._now.wall + passed), boot=Seconds(boot))

    def _wake_due(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now.boot:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():  # a cancelled sleeper is done already
                woken.set_result(None)


async def run_until_idle() -> None:
    """Let every task run as far as it can without time passing."""
    for _ in range(20):  # deeper chains of awaits than any test here has
        await asyncio.sleep(0)
