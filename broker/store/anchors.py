"""Where a store's last generation is noted outside of it. Knows no particular place.

An old copy of the store opens as it always did: only these notes tell. They are
written when the store is closed, not at each save, which would cost a conversation with
the keyring: what was saved before a crash is not noted, and no fault for that.
"""

import asyncio
import logging
from collections.abc import Sequence

from broker.store.anchor import Anchor, AnchorUnavailableError

log = logging.getLogger(__name__)


class Anchors:
    """All places where it is noted; the highest note counts.

    Attributes:
        remembered: what was noted when the store was opened, or None.
    """

    def __init__(self, anchors: Sequence[Anchor], remembered: int | None) -> None:
        self.remembered = remembered
        self._anchors = anchors

    async def note(self, generation: int) -> None:
        """Note it everywhere; tried only. Never lowers a note: a fault stays told."""
        highest = max(generation, self.remembered or 0)
        await asyncio.to_thread(_write, self._anchors, highest)


def recalled_anchors(anchors: Sequence[Anchor]) -> Anchors:
    """The places, with the highest note that is there; blocks."""
    notes = [note for anchor in anchors if (note := _read(anchor)) is not None]
    return Anchors(anchors, max(notes, default=None))


def _read(anchor: Anchor) -> int | None:
    try:
        return anchor.read()
    except AnchorUnavailableError as exc:
        log.info("store.anchor.read.failed reason=%r", str(exc))
        return None


def _write(anchors: Sequence[Anchor], generation: int) -> None:
    for anchor in anchors:
        try:
            anchor.write(generation)
        except AnchorUnavailableError as exc:
            log.info("store.anchor.write.failed reason=%r", str(exc))
