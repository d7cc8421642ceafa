"""What people are told of the store: its key slots, and how it was found."""

from enum import Enum

import msgspec


class VaultState(Enum):
    """What a peer may expect."""

    NONE = "none"
    """No store has been made; the first login makes one."""
    LOCKED = "locked"
    CORRUPT = "corrupt"
    """The file cannot be read; every request says so, and nothing is overwritten."""
    OPEN = "open"


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One way to open the store.

    Attributes:
        number: by which people name it; from 1 on.
        source: the name of its key source, such as 'secret-service'.
        is_in_use: whether the store is open, and was opened through it.
    """

    number: int
    source: str
    is_in_use: bool = False


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the open store was found.

    Attributes:
        generation: how many writes it has seen.
        remembered: the last generation that was noted outside of it, or None.
        is_old_copy: whether it had seen fewer writes when it was opened: somebody has
            put an older copy in its place.
        is_altered: whether records are missing, or others than were saved are there.
        damaged: how many records do not open.
        opened_by: the number of the slot, or None where the kernel kept the key, or
            the slot is gone.
    """

    generation: int
    remembered: int | None = None
    is_old_copy: bool = False
    is_altered: bool = False
    damaged: int = 0
    opened_by: int | None = None


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One key source of this system.

    Attributes:
        name: as `--key` takes it.
        works: whether a new store could keep its key there now, without a question.
        reason: why not, for people, or None.
    """

    name: str
    works: bool
    reason: str | None = None
