"""Private files: 0600 from birth, never through a symbolic link, durable, whole.

Knows nothing of what is in them.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE_FILE_MODE = 0o600
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def private_file(path: Path) -> Iterator[int]:
    """A new file of mode 0600, as a descriptor; on disk when the block ends.

    Raises:
        FileExistsError: the name is taken, be it by a symbolic link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, PRIVATE_FILE_MODE)
    try:
        # A umask can only take bits away; this gives the owner's back.
        os.fchmod(descriptor, PRIVATE_FILE_MODE)
        yield descriptor
        flush_to_disk(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name: the whole file is there, or none, after a crash.

    `temporary` lies in the same folder and is gone afterwards.

    Raises:
        FileExistsError: the name is taken; it is never overwritten, as a rename would.
    """
    os.link(temporary, path, follow_symlinks=False)
    temporary.unlink()
    flush_folder(path.parent)


def remove_leftover(path: Path) -> None:
    """Take away what a crash left behind, if it did."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def flush_file(path: Path) -> None:
    """The file's bytes are on disk when this returns."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flush_to_disk(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(path: Path) -> None:
    """The folder's names are on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush_to_disk(descriptor)
    finally:
        os.close(descriptor)


def flush_to_disk(descriptor: int) -> None:
    """fsync, and on macOS what fsync means elsewhere: through to the medium."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - F_FULLFSYNC is macOS's own

        with contextlib.suppress(OSError):  # not on every file system; fsync then
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def fault(found: os.stat_result) -> str | None:
    """Why a file with this `lstat` must not be used as our own, or None."""
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link, which is not followed"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, not to {os.geteuid()}"
    return None
