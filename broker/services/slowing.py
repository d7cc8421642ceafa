"""Slows whoever tries one passphrase after the other. Knows no store."""

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

    async def wait(self) -> None:
        """Before the next one is looked at; nothing where none was wrong."""
        if self._wrong:
            delay = FIRST_DELAY * 2.0 ** min(self._wrong - 1, _DOUBLINGS)
            await self._clock.sleep(Seconds(min(delay, LONGEST_DELAY)))

    def was_wrong(self) -> None:
        """It opened nothing."""
        self._wrong += 1

    def was_right(self) -> None:
        """Somebody knows it."""
        self._wrong = 0
