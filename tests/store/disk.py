"""A disk that refuses, without a disk: what POSIX lets a process do to itself."""

import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[Callable[[], None]]:
    """Every write beyond `size` fails with EFBIG, which SQLite calls an I/O error.

    Yields what lifts the limit before the end.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def lift() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield lift
    finally:
        lift()


@contextmanager
def no_room_for_a_save(path: Path, left: int = 1000) -> Iterator[Callable[[], None]]:
    """The log of the store at `path` takes `left` bytes more, less than a page."""
    log = path.with_name(path.name + "-wal")
    with no_file_grows_beyond(log.stat().st_size + left) as lift:
        yield lift


class MovedAway:
    """Random bytes for a store, whose file is moved away in the midst of a save.

    The save is refused, since nobody would find it; and it was done all the same, as
    one whose disk fails after the commit.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._away = path.with_name("away")
        self.is_near = False

    def __call__(self, size: int) -> bytes:
        # On the store's own thread a transaction is under way.
        if self.is_near and threading.current_thread().name.startswith("store"):
            self._path.rename(self._away)
            self.is_near = False
        return token_bytes(size)

    def put_back(self) -> None:
        """The file is where it was."""
        self._away.rename(self._path)
