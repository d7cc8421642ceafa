"""The lock that makes a second daemon leave. Knows no sockets."""

import fcntl
import os
from pathlib import Path

from broker.model.errors import AlreadyRunningError, DirectoryUnsafeError

PRIVATE_FILE_MODE = 0o600


class HeldLock:
    """A lock that is held until `close`, or until this process ends, however."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Let go. The file stays: removing it would let two hold it. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def hold_lock(path: Path) -> HeldLock:
    """Take the lock, at once or not at all.

    Args:
        path: the lock file, in a folder that `ensure_private_directory` has seen.

    Raises:
        AlreadyRunningError: another process holds it.
        DirectoryUnsafeError: the file cannot be opened, as when it is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE_MODE)
    except OSError as exc:
        raise DirectoryUnsafeError(
            path=str(path), what=f"cannot be opened as a lock: {exc.strerror}"
        ) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(descriptor)
        raise AlreadyRunningError(path=str(path)) from exc
    return HeldLock(path, descriptor)
