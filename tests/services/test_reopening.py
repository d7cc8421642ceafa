"""A store whose key may be had later is tried again."""

import asyncio

import pytest

from broker.model.time import Seconds
from broker.services.reopening import FIRST_PAUSE, LONGEST_PAUSE, Reopener
from tests.fakes.clock import START, FakeClock, run_until_idle


class Rig:
    """A reopener, and when it has tried, in seconds since the start."""

    def __init__(self, *, works_at: int | None = None) -> None:
        self.clock = FakeClock()
        self.tried: list[float] = []
        self.works_at = works_at
        self.reopener = Reopener(self.clock, self._attempt)

    async def _attempt(self) -> bool:
        self.tried.append(self.clock.now().boot - START.boot)
        return len(self.tried) == self.works_at

    def gaps(self) -> list[float]:
        return [b - a for a, b in zip([0, *self.tried], self.tried, strict=False)]


def nobody_else() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_it_looks_soon_at_first_and_then_twice_a_minute() -> None:
    rig = Rig()
    rig.reopener.start()
    await rig.clock.advance(Seconds(300))
    gaps = rig.gaps()
    assert gaps[0] == FIRST_PAUSE
    assert gaps == sorted(gaps)
    assert gaps[-1] == FIRST_PAUSE + LONGEST_PAUSE
    await rig.reopener.stop()


async def test_it_ends_when_it_is_done_and_leaves_nothing_behind() -> None:
    rig = Rig(works_at=2)
    rig.reopener.start()
    await rig.clock.advance(Seconds(300))
    assert len(rig.tried) == 2
    assert rig.clock.sleeping == 0
    assert nobody_else()


async def test_somebody_who_asks_has_it_looked_at_a_second_later() -> None:
    rig = Rig()
    rig.reopener.start()
    await rig.clock.advance(Seconds(200))
    before = len(rig.tried)
    await rig.clock.advance(Seconds(2))
    assert len(rig.tried) == before
    rig.reopener.ask()
    await run_until_idle()
    assert len(rig.tried) == before + 1
    # Once is once: the next time is its own time again.
    await rig.clock.advance(Seconds(29))
    assert len(rig.tried) == before + 1
    await rig.reopener.stop()


async def test_however_many_ask_it_looks_once_a_second_at_most() -> None:
    rig = Rig()
    rig.reopener.start()
    for _ in range(100):
        rig.reopener.ask()
        await rig.clock.advance(Seconds(0.1))
    assert min(rig.gaps()) >= FIRST_PAUSE
    assert 8 <= len(rig.tried) <= 10
    await rig.reopener.stop()


async def test_what_is_stopped_looks_no_more_and_can_begin_again() -> None:
    rig = Rig()
    rig.reopener.start()
    rig.reopener.start()
    await rig.clock.advance(Seconds(1))
    await rig.reopener.stop()
    await rig.reopener.stop()
    assert nobody_else()
    await rig.clock.advance(Seconds(300))
    assert len(rig.tried) == 1
    rig.reopener.start()
    await rig.clock.advance(Seconds(1))
    assert len(rig.tried) == 2
    await rig.reopener.stop()


async def test_the_attempt_itself_may_stop_it_and_it_can_begin_again() -> None:
    clock = FakeClock()
    tried: list[float] = []

    async def attempt() -> bool:
        tried.append(clock.now().boot)
        await reopener.stop()
        reopener.start()
        return True

    reopener = Reopener(clock, attempt)
    reopener.start()
    await clock.advance(Seconds(3))
    assert len(tried) == 3
    await reopener.stop()
    assert nobody_else()


async def test_asking_what_has_not_begun_is_nothing() -> None:
    rig = Rig()
    rig.reopener.ask()
    await rig.clock.advance(Seconds(300))
    assert rig.tried == []
    assert nobody_else()


async def test_an_attempt_that_breaks_is_logged_and_is_not_the_last(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    answers = iter([None, False, True])

    async def attempt() -> bool:
        answer = next(answers)
        if answer is None:
            raise TypeError("what no keyring answers")
        return answer

    reopener = Reopener(clock, attempt)
    reopener.start()
    await clock.advance(Seconds(1))
    assert "what no keyring answers" in caplog.text
    await clock.advance(Seconds(60))
    assert list(answers) == []
    assert clock.sleeping == 0
    await reopener.stop()
