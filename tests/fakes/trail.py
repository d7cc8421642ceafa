"""A log of the audit in memory. Satisfies `Trail`."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from broker.model.secret import SecretBytes
from broker.store.audit_chain import End
from broker.store.audit_check import Remembered, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeTrail:
    """Lines in a list, on a disk that fails when a test says so.

    Attributes:
        lines: what was written.
        aside: what was set aside for the next one.
        opened: the key and what was remembered, each time.
        meanwhile: called while lines are written.
        is_full: whether the disk refuses.
        turns: whether each append begins a new file.
        flushes: how often it was made durable.
        pruned: how often old files were let go.
        closed: how often it was closed.
    """

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []
        self.aside: list[dict[str, object]] = []
        self.opened: list[tuple[bytes, Remembered]] = []
        self.is_full = self.turns = False
        self.meanwhile: Callable[[], None] = lambda: None
        self.flushes = self.pruned = self.closed = 0
        self.remembered = Remembered()

    @property
    def said(self) -> list[object]:
        """The operations, in order."""
        return [line["operation"] for line in self.lines]

    def open(self, key: SecretBytes, remembered: Remembered, at: float) -> None:
        del at
        self.require_room()
        self.opened.append((key.reveal(), remembered))
        self.remembered = remembered

    def append(self, bodies: Sequence[bytes], at: float) -> bool:
        del at
        self.meanwhile()
        self.require_room()
        self.lines += [json.loads(body) for body in bodies]
        end = End(sequence=len(self.lines), mac=bytes([len(self.lines) % 256]) * 32)
        self.remembered = Remembered(first=1, end=end)
        return self.turns

    def set_aside(self, bodies: Sequence[bytes]) -> None:
        self.require_room()
        self.aside += [json.loads(body) for body in bodies]

    def prune(self) -> None:
        self.pruned += 1

    def flush(self) -> None:
        self.require_room()
        self.flushes += 1

    def check(self) -> Verdict:
        self.require_room()
        end = self.remembered.end
        return Verdict(lines=len(self.lines), end=end, torn=0)

    def close(self) -> None:
        self.closed += 1

    def require_room(self) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
