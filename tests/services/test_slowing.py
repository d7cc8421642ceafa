"""Whoever tries one passphrase after the other is slowed."""

import asyncio
import contextlib

from broker.model.errors import LockedError, WrongPassphraseError
from broker.model.time import Seconds
from broker.services.slowing import FIRST_DELAY, LONGEST_DELAY, Slowing
from tests.fakes.clock import FakeClock, run_until_idle


class Rig:
    """Passphrases that somebody tries."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.slowing = Slowing(self.clock)

    async def tries(self, outcome: Exception | None) -> float:
        """For how many seconds this one is not looked at."""
        began = self.clock.now().boot
        trying = asyncio.create_task(self.one(outcome), name="try")
        await run_until_idle()
        while not trying.done():
            await self.clock.advance(Seconds(0.1))
        return round(await trying - began, 3)

    async def one(self, outcome: Exception | None) -> float:
        """When it is looked at, on the boot clock."""
        looked_at = 0.0
        with contextlib.suppress(WrongPassphraseError, LockedError):
            async with self.slowing.turn():
                looked_at = self.clock.now().boot
                if outcome is not None:
                    raise outcome
        return looked_at


async def test_the_first_passphrase_is_looked_at_at_once() -> None:
    assert await Rig().tries(None) == 0


async def test_each_wrong_one_doubles_the_wait_up_to_a_limit() -> None:
    rig = Rig()
    waits = [await rig.tries(WrongPassphraseError()) for _ in range(10)]
    assert waits[:5] == [0, FIRST_DELAY, 0.2, 0.4, 0.8]
    assert waits[-2:] == [LONGEST_DELAY, LONGEST_DELAY]


async def test_however_many_were_wrong_the_wait_stays_at_the_limit() -> None:
    rig = Rig()
    for _ in range(1200):  # a doubling more would be no number any more
        trying = asyncio.create_task(rig.one(WrongPassphraseError()), name="try")
        await rig.clock.advance(LONGEST_DELAY)
        await trying
    assert await rig.tries(None) == LONGEST_DELAY


async def test_a_right_one_ends_it_and_what_is_neither_does_not() -> None:
    rig = Rig()
    await rig.tries(WrongPassphraseError())
    assert await rig.tries(LockedError(reason="no keyring")) == FIRST_DELAY
    assert await rig.tries(None) == FIRST_DELAY
    assert await rig.tries(None) == 0


async def test_those_who_try_at_once_are_slowed_one_after_the_other() -> None:
    rig = Rig()
    await rig.tries(WrongPassphraseError())
    began = rig.clock.now().boot
    tries = [
        asyncio.create_task(rig.one(WrongPassphraseError()), name="try")
        for _ in range(3)
    ]
    while not all(one.done() for one in tries):
        await rig.clock.advance(FIRST_DELAY)
    assert [round(await one - began, 3) for one in tries] == [0.1, 0.3, 0.7]
