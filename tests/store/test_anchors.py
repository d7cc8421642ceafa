"""Where a store's last generation is noted outside of it."""

import logging
from dataclasses import dataclass

import pytest

from broker.store.anchor import AnchorUnavailableError
from broker.store.anchors import recalled_anchors


@dataclass
class FakeAnchor:
    """One place, which can be had or not."""

    noted: int | None = None
    can_read: bool = True
    can_write: bool = True

    def read(self) -> int | None:
        if not self.can_read:
            raise AnchorUnavailableError("the keyring is locked")
        return self.noted

    def write(self, generation: int) -> None:
        if not self.can_write:
            raise AnchorUnavailableError("the keyring is locked")
        self.noted = generation


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
    await recalled_anchors(places).note(9)
    assert [place.noted for place in places] == [9, 9]


async def test_a_note_is_never_lowered_so_that_a_fault_stays_told() -> None:
    places = [FakeAnchor(7), FakeAnchor(3)]
    await recalled_anchors(places).note(4)
    assert [place.noted for place in places] == [7, 7]


async def test_a_place_that_cannot_be_had_leaves_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    closed = FakeAnchor(9, can_read=False, can_write=False)
    there = FakeAnchor(3)
    anchors = recalled_anchors([closed, there])
    assert anchors.remembered == 3
    await anchors.note(5)
    assert (closed.noted, there.noted) == (9, 5)
    assert "store.anchor.read.failed" in caplog.text
    assert "store.anchor.write.failed" in caplog.text
