"""Where a store's last generation is noted outside of it. Knows no particular place.

An old copy of the store opens as it always did: only these notes tell. They are
written when the store is closed, and while it is open behind what matters most and
behind every tenth write: never at each, which would cost a conversation with the
keyring, and never before anybody is answered. A crash may leave nine writes unnoted.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from broker.store.anchor import Anchor, AnchorUnavailableError

log = logging.getLogger(__name__)

WRITES_A_NOTE = 10


class Anchors:
    """All places where it is noted; the highest note counts.

    Attributes:
        remembered: what was noted when the store was opened, or None.
    """

    def __init__(self, anchors: Sequence[Anchor], remembered: int | None) -> None:
        self.remembered = remembered
        self._anchors = anchors
        self._noted = self._wanted = remembered or 0
        # Of its own: a keyring that hangs must not keep saves waiting.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="anchor")
        self._closed = False

    def passed(self, generation: int, *, matters: bool) -> None:
        """The store has come to this generation: note it soon, if it is time.

        Args:
            generation: that is on the disk.
            matters: whether it should not be lost from sight with a crash.
        """
        is_time = matters or generation >= self._noted + WRITES_A_NOTE
        if is_time and not self._closed:
            self._wanted = generation
            self._thread.submit(self._write_wanted)

    async def close(self, generation: int) -> None:
        """Note it everywhere, and nothing more; idempotent.

        Tried only. Never lowers a note: a fault stays told.
        """
        if self._closed:
            return
        self._closed = True
        highest = max(generation, self.remembered or 0)
        done = self._thread.submit(_write, self._anchors, highest)
        self._thread.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(done))

    def _write_wanted(self) -> None:
        """On the thread: one note for all that have been wanted meanwhile."""
        if self._noted < (wanted := self._wanted):
            _write(self._anchors, wanted)
            self._noted = wanted


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
