"""Where a store's last generation is noted outside of it."""

import asyncio
import logging
import threading
from dataclasses import dataclass

import pytest

from broker.store.anchor import AnchorUnavailableError
from broker.store.anchors import Anchors, recalled_anchors


@dataclass
class FakeAnchor:
    """One place, which can be had or not."""

    noted: int | None = None
    can_read: bool = True
    can_write: bool = True
    writes: int = 0

    def read(self) -> int | None:
        if not self.can_read:
            raise AnchorUnavailableError("the keyring is locked")
        return self.noted

    def write(self, generation: int) -> None:
        if not self.can_write:
            raise AnchorUnavailableError("the keyring is locked")
        self.noted = generation
        self.writes += 1


@pytest.mark.parametrize(
    ("notes", "remembered"),
    [
        ([], None),
        ([None, None], None),
        ([None, 3], 3),
        ([7, 3], 7),
        ([3, 7], 7),
        ([0], 0),
    ],
)
def test_the_highest_note_counts(
    notes: list[int | None], remembered: int | None
) -> None:
    assert recalled_anchors([FakeAnchor(n) for n in notes]).remembered == remembered


async def test_a_generation_is_noted_everywhere() -> None:
    places = [FakeAnchor(3), FakeAnchor(None)]
    await recalled_anchors(places).close(9)
    assert [place.noted for place in places] == [9, 9]


async def test_a_note_is_never_lowered_so_that_a_fault_stays_told() -> None:
    places = [FakeAnchor(7), FakeAnchor(3)]
    await recalled_anchors(places).close(4)
    assert [place.noted for place in places] == [7, 7]


async def passing(anchors: Anchors, *generations: int, matters: bool = False) -> None:
    """Writes, and what comes of them."""
    for generation in generations:
        anchors.passed(generation, matters=matters)
    await asyncio.wrap_future(anchors._thread.submit(bool))


async def test_every_tenth_write_is_noted_while_the_store_is_open() -> None:
    place = FakeAnchor(3)
    anchors = recalled_anchors([place])
    seen = []
    for generation in range(4, 25):
        await passing(anchors, generation)
        seen.append(place.noted)
    assert seen == [3] * 9 + [13] * 10 + [23] * 2


async def test_what_matters_is_noted_at_once() -> None:
    place = FakeAnchor(3)
    await passing(recalled_anchors([place]), 4, matters=True)
    assert place.noted == 4


async def test_one_note_is_made_of_all_that_were_wanted_meanwhile() -> None:
    place, gate = FakeAnchor(None), threading.Event()
    anchors = recalled_anchors([place])
    anchors._thread.submit(gate.wait)
    for generation in (2, 3, 4, 5):
        anchors.passed(generation, matters=True)
    gate.set()
    await anchors.close(5)
    assert (place.noted, place.writes) == (5, 2)  # the last one is the end's own


async def test_an_older_copy_that_goes_on_lowers_no_note() -> None:
    place = FakeAnchor(70)
    await passing(recalled_anchors([place]), 4, matters=True)
    await passing(recalled_anchors([place]), 60)
    assert (place.noted, place.writes) == (70, 0)


async def test_the_last_note_comes_after_the_one_before_and_leaves_no_thread() -> None:
    place = FakeAnchor(None)
    anchors = recalled_anchors([place])
    anchors.passed(2, matters=True)
    await anchors.close(3)
    assert (place.noted, place.writes) == (3, 2)
    assert anchors._thread._shutdown
    await anchors.close(4)
    anchors.passed(40, matters=True)  # a write that was under way
    assert (place.noted, place.writes) == (3, 2)


async def test_a_place_that_cannot_be_had_leaves_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    closed = FakeAnchor(9, can_read=False, can_write=False)
    there = FakeAnchor(3)
    anchors = recalled_anchors([closed, there])
    assert anchors.remembered == 3
    await anchors.close(5)
    assert (closed.noted, there.noted) == (9, 5)
    assert "store.anchor.read.failed" in caplog.text
    assert "store.anchor.write.failed" in caplog.text
