"""The place of the one daemon: both locks first, then the socket.

Two daemons would spend the same rotating refresh token, and so lose the grant.
"""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from pathlib import Path

from broker.host.lock import HeldLock, hold_lock
from broker.host.private import ensure_private_directory
from broker.host.service_manager import inherited_sockets
from broker.host.sockets import bind_private_socket, is_listened_to
from broker.model.errors import AlreadyRunningError

SOCKET_NAME = "broker.sock"

_PATIENCE = 3.0
"""Seconds that a daemon which has lost its socket has to end."""

_LOOK_AGAIN = 0.02


class Place:
    """What makes this process the one daemon, until `leave`."""

    def __init__(
        self, locks: tuple[HeldLock, ...], doors: list[socket.socket], *, own: bool
    ) -> None:
        self.doors = doors
        self.socket = Path(os.fsdecode(doors[0].getsockname()))
        self._locks = locks
        self._made = self.socket.lstat()
        self._is_own = own
        for lock in locks:
            lock.tell(os.getpid(), self.socket)

    def is_reachable(self) -> bool:
        """Whether socket and locks still have their names in the file system.

        A session's end wipes the runtime folder under a daemon that outlives it.
        """
        return self._has_socket() and all(lock.is_in_place() for lock in self._locks)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where its names are."""
        return (self.socket.parent, *(lock.path.parent for lock in self._locks))

    def leave(self) -> None:
        """Remove the socket file, where it is our own and still ours; let go."""
        if self._is_own and self._has_socket():
            self.socket.unlink()
        for lock in self._locks:
            lock.close()

    def _has_socket(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(self.socket.lstat(), self._made)
        return False


def take_place(runtime: Path, state: Path, environ: MutableMapping[str, str]) -> Place:
    """Take both locks, then the sockets: those handed over, or one of our own.

    One lock guards the socket, which asyncio would steal without a word; the other
    the grants, whatever runtime folder a second daemon has.

    Raises:
        AlreadyRunningError: another daemon can be reached, or does not end.
        DirectoryUnsafeError, ConfigError: folders or sockets that cannot be used.
    """
    with contextlib.ExitStack() as failing:
        locks = []
        for folder, name in ((runtime, "brokerd.lock"), (state, "store.lock")):
            ensure_private_directory(folder)
            lock = _lock_of_one_who_can_be_reached(folder / name)
            failing.callback(lock.close)
            locks.append(lock)
        inherited = [door for _, door in inherited_sockets(environ, os.getpid())]
        doors = inherited or [bind_private_socket(runtime / SOCKET_NAME)]
        place = Place(tuple(locks), doors, own=not inherited)
        failing.pop_all()
    return place


def _lock_of_one_who_can_be_reached(path: Path) -> HeldLock:
    """The lock, once its holder has ended where nobody can reach him.

    Raises:
        AlreadyRunningError: its holder can be reached, or does not end.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return hold_lock(path)
        except AlreadyRunningError as held:
            if held.socket is not None and is_listened_to(Path(held.socket)):
                raise
            # One that is just starting, or that has lost its socket and is ending.
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_AGAIN)
