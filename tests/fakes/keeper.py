"""A keyring in memory. Satisfies `Keeper`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from broker.model.secret import SecretBytes
from broker.store.keys.kept import ItemName
from broker.store.keys.source import KeyUnavailableError


@dataclass
class MemoryKeeper:
    """What the person's keyring holds.

    Attributes:
        items: by name.
        notes: by store.
        locked: while it is, the keyring cannot be had.
        forgets: what is added is gone at once, as in a keyring of one session.
    """

    items: dict[ItemName, SecretBytes] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    locked: bool = False
    forgets: bool = False

    def probe(self) -> None:
        pass  # `open` has said it

    def add(self, item: ItemName, key: SecretBytes) -> None:
        if not self.forgets:
            self.items[item] = key

    def find(self, item: ItemName) -> SecretBytes | None:
        return self.items.get(item)

    def remove(self, item: ItemName) -> None:
        self.items.pop(item, None)

    def note(self, store: str, text: str) -> None:
        self.notes[store] = text

    def noted(self, store: str) -> str | None:
        return self.notes.get(store)

    @contextmanager
    def open(self) -> Iterator["MemoryKeeper"]:
        if self.locked:
            raise KeyUnavailableError("the keyring is locked")
        yield self
