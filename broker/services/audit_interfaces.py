"""What the audit needs of the world, as Protocols."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from broker.model.secret import SecretBytes
from broker.store.audit_check import Remembered, Verdict

T = TypeVar("T")


class InThread(Protocol):
    """Runs what blocks, elsewhere, such as `asyncio.to_thread`."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """What `work` returns."""
        ...


class Trail(Protocol):
    """The log on the disk, see `AuditLog`. Every method blocks, and raises OSError."""

    @property
    def remembered(self) -> Remembered:
        """What is to be kept of it in the store."""
        ...

    def open(self, key: SecretBytes, remembered: Remembered, at: float) -> None:
        """Take it up where it is, or begin one."""
        ...

    def append(self, bodies: Sequence[bytes], at: float) -> bool:
        """Write all or none; whether a new file has begun."""
        ...

    def set_aside(self, bodies: Sequence[bytes]) -> None:
        """Lay them where the next one that is opened finds them."""
        ...

    def prune(self) -> None:
        """Take away the files that need not be kept."""
        ...

    def flush(self) -> None:
        """It is on the disk when this returns."""
        ...

    def check(self) -> Verdict:
        """Look through all of it."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
