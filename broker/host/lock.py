"""The lock that makes a second daemon leave. Knows no sockets."""

import os
from pathlib import Path

from broker.host.files import open_lock_file, take_lock
from broker.model.errors import AlreadyRunningError, DirectoryUnsafeError

_LONGEST_NOTE = 4096


class HeldLock:
    """A lock that is held until `close`, or until this process ends, however."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def tell(self, pid: int, socket: Path) -> None:
        """Note in the file who holds it and where he listens, for whoever comes."""
        if self._descriptor is not None:
            _wipe(self._descriptor)
            os.write(self._descriptor, b"%d\0%s\0" % (pid, os.fsencode(socket)))

    def is_in_place(self) -> bool:
        """Whether the name still means the file that is held."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self._descriptor))
        except OSError:
            return False

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
    try:
        descriptor = open_lock_file(path)
    except OSError as exc:
        raise DirectoryUnsafeError(
            path=str(path), what=f"cannot be opened as a lock: {exc.strerror}"
        ) from exc
    if not take_lock(descriptor):
        pid, socket = _told(descriptor)
        os.close(descriptor)
        raise AlreadyRunningError(path=str(path), pid=pid, socket=socket)
    _wipe(descriptor)  # what the last holder told is true no more
    return HeldLock(path, descriptor)


def _told(descriptor: int) -> tuple[int | None, str | None]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    pid, _, rest = os.read(descriptor, _LONGEST_NOTE).partition(b"\0")
    socket = os.fsdecode(rest.partition(b"\0")[0])
    return (int(pid), socket) if pid.isdigit() and socket else (None, None)


def _wipe(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
