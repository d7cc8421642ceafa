"""Slows whoever tries one passphrase after the other. Knows no store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker.model.errors import WrongPassphraseError
from broker.model.time import Seconds
from broker.services.interfaces import Clock

FIRST_DELAY = Seconds(0.1)
LONGEST_DELAY = Seconds(10)
"""After wrong passphrases, the next one is looked at so much later, as in ssh-agent."""

_DOUBLINGS = 10


class Slowing:
    """Counts wrong passphrases since the last right one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong = 0
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Around the look at one: after a wait, where the last ones were wrong.

        One at a time: who tries many at once would else wait for all of them together.
        """
        async with self._turn:
            if self._wrong:
                delay = FIRST_DELAY * 2.0 ** min(self._wrong - 1, _DOUBLINGS)
                await self._clock.sleep(Seconds(min(delay, LONGEST_DELAY)))
            try:
                yield
            except WrongPassphraseError:
                self._wrong += 1
                raise
            self._wrong = 0
