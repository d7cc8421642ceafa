"""What is known of the store: there is none, or it is locked, corrupt or open.

Changes nothing: the `Vault` does.
"""

from broker.model.errors import (
    LockedError,
    StoppingError,
    StoreCorruptError,
    StoreFailedError,
)
from broker.model.store import Health, Slot, VaultState
from broker.services.opened import Opened
from broker.services.resaving import Degraded
from broker.services.store_interfaces import StoreDoor


class StoreState:
    """The store as it is at this moment."""

    def __init__(self, door: StoreDoor) -> None:
        self._door = door
        self._opened: Opened | None = None
        self._closed: LockedError | StoreCorruptError | None = None
        self._closing = False

    @property
    def state(self) -> VaultState:
        """None, locked, corrupt or open."""
        if self._opened is not None:
            return VaultState.OPEN
        if not self._door.exists():
            return VaultState.NONE
        if isinstance(self._closed, StoreCorruptError):
            return VaultState.CORRUPT
        return VaultState.LOCKED

    @property
    def locked_because(self) -> str | None:
        """Why it is locked, for people, or None."""
        closed = self._closed
        return closed.reason if isinstance(closed, LockedError) else None

    @property
    def corrupt_because(self) -> str | None:
        """What is wrong with the file, for people, or None."""
        closed = self._closed
        return closed.what if isinstance(closed, StoreCorruptError) else None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The ways to open it; none where there is no readable store."""
        try:
            return self._door.slots() if self._door.exists() else ()
        except (StoreCorruptError, StoreFailedError):
            return ()

    @property
    def health(self) -> Health | None:
        """How the store was found, while it is open."""
        return self._door.health()

    @property
    def degraded(self) -> Degraded | None:
        """What is in memory alone, or None."""
        return None if self._opened is None else self._opened.degraded

    @property
    def opened(self) -> Opened | None:
        """What there is while the store is open, or None."""
        return self._opened

    async def read_through(self) -> None:
        """Return when all that can be told of an open store is known.

        Whoever asks for less would be told of it all the same, but would keep everybody
        else waiting while ten thousand accounts are read in one go.
        """
        if self._opened is not None:
            await self._opened.read_through()

    def require_serving(self) -> None:
        """Nothing, while the daemon is not ending.

        Raises:
            StoppingError: it is.
        """
        if self._closing:
            raise StoppingError
