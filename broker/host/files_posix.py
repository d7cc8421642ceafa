"""Private files and folders of a POSIX system: the owner and the mode say whose.

A file is 0600 from birth, never reached through a symbolic link, durable, and whole.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

assert sys.platform != "win32"  # noqa: S101 - tells mypy, too

import fcntl  # noqa: E402 - Windows has none

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def private_file(path: Path) -> Iterator[int]:
    """A new file of mode 0600, as a descriptor; on disk when the block ends.

    Raises:
        FileExistsError: the name is taken, be it by a symbolic link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY
    descriptor = os.open(path, flags, _FILE_MODE)
    try:
        # A umask can only take bits away; this gives the owner's back.
        os.fchmod(descriptor, _FILE_MODE)
        yield descriptor
        flush_to_disk(descriptor)
    finally:
        os.close(descriptor)


def open_to_read(path: Path) -> int:
    """A file as a descriptor, for `fault` and `is_open_to_others` to look at first.

    Raises:
        OSError: it cannot be read, as when it is a symbolic link.
    """
    # Not blocking, so that a named pipe in its place cannot hold us.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | _SAFELY)


def publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name: the whole file is there, or none, after a crash.

    `temporary` lies in the same folder and is gone afterwards.

    Raises:
        FileExistsError: the name is taken; it is never overwritten, as a rename would.
    """
    os.link(temporary, path, follow_symlinks=False)
    temporary.unlink()
    flush_folder(path.parent)


def name_also(path: Path, other: Path) -> None:
    """Give a file a second name in its folder; it keeps the first.

    Raises:
        FileExistsError: the other name is taken.
        OSError: the system refused; a folder has one name alone.
    """
    os.link(path, other, follow_symlinks=False)
    flush_folder(other.parent)


def replace(temporary: Path, path: Path) -> None:
    """As `publish`, but what has the name is replaced, be it a symbolic link.

    Raises:
        OSError: the system refused; what has the name still has it.
    """
    temporary.replace(path)
    flush_folder(path.parent)


def flush_file(path: Path) -> None:
    """The file's bytes are on disk when this returns."""
    descriptor = os.open(path, os.O_RDWR | _SAFELY)
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
        with contextlib.suppress(OSError):  # not on every file system; fsync then
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def fault(where: Path | int) -> str | None:
    """Why a file, by name or open, must not be used as our own, or None.

    Raises:
        OSError: it cannot be looked at.
    """
    found = _looked_at(where)
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link, which is not followed"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    return _fault_of_owner(found)


def is_open_to_others(where: Path | int) -> bool:
    """Whether another user may do anything with the file.

    Raises:
        OSError: it cannot be looked at.
    """
    return bool(_looked_at(where).st_mode & _OTHERS)


def make_private(path: Path) -> str | None:
    """Take away the rights of others; what they were, or None where all was well.

    Raises:
        OSError: the system refused.
    """
    mode = stat.S_IMODE(path.lstat().st_mode) & 0o777
    if mode == _FILE_MODE:
        return None
    path.chmod(_FILE_MODE)
    return f"{mode:o}"


def make_private_folder(path: Path) -> None:
    """Make a folder of the person's alone; one that is there is left as it is.

    Raises:
        OSError: the system refused.
    """
    # Made with its mode, not changed afterwards: no moment to slip in.
    path.mkdir(_FOLDER_MODE, exist_ok=True)


def folder_fault(path: Path) -> str | None:
    """Why a folder must not hold what is the person's alone, or None.

    Raises:
        OSError: it cannot be looked at.
    """
    # lstat: what a link points to says nothing of who may move the link.
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    fault_of_owner = _fault_of_owner(found)
    if fault_of_owner is not None:
        return fault_of_owner
    if found.st_mode & _OTHERS:
        return f"is open to other users (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


def belongs_to_stranger(folder: Path) -> bool:
    """Whether a folder, or what its link leads to, is neither ours nor root's.

    Raises:
        OSError: it cannot be looked at.
    """
    return folder.stat().st_uid not in (0, os.geteuid())


def open_lock_file(path: Path) -> int:
    """The file as a descriptor, for `take_lock`; made where it is missing.

    Raises:
        OSError: it cannot be opened, as when it is a link.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | _SAFELY, _FILE_MODE)


def open_to_append(path: Path) -> int:
    """The file as a descriptor that reads anywhere and writes at the end alone.

    It is made where it is missing.

    Raises:
        OSError: it cannot be opened, as when it is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _SAFELY
    return os.open(path, flags, _FILE_MODE)


def take_lock(descriptor: int) -> bool:
    """Lock the file until the descriptor is closed; False where another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _looked_at(where: Path | int) -> os.stat_result:
    return os.fstat(where) if isinstance(where, int) else where.lstat()


def _fault_of_owner(found: os.stat_result) -> str | None:
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, not to {os.geteuid()}"
    return None
