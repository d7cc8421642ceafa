"""Private files and folders of Windows: the owner and the access list say whose.

Each function means what its namesake in `files_posix` does. The list names the person
alone, and is protected: nothing comes onto it from the folder above. Owner and list
of what is there already may name the system and its administrators, too.
"""

import errno
import msvcrt
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

assert sys.platform == "win32"  # noqa: S101 - tells mypy, too

from broker.host import win32  # noqa: E402 - as above

_LOCKED_BYTE = 0x7FFF_0000
"""Windows keeps others from reading what is locked; the note of `HeldLock` lies far
before this. (Wine lets them.)"""

_LOOK = win32.READ_CONTROL | win32.FILE_READ_ATTRIBUTES
_READ_AND_WRITE = win32.GENERIC_READ | win32.GENERIC_WRITE


@contextmanager
def private_file(path: Path) -> Iterator[int]:
    """See `files_posix.private_file`."""
    handle = win32.open_handle(
        path, _READ_AND_WRITE, win32.CREATE_NEW, sddl=_for_a_file(), share_name=True
    )
    descriptor = _descriptor(handle)
    try:
        yield descriptor
        flush_to_disk(descriptor)
    finally:
        os.close(descriptor)


def open_to_read(path: Path) -> int:
    """See `files_posix.open_to_read`."""
    handle = win32.open_handle(
        path, win32.GENERIC_READ, win32.OPEN_EXISTING, share_name=True
    )
    return _descriptor(handle)


def publish(temporary: Path, path: Path) -> None:
    """See `files_posix.publish`. A rename never overwrites here."""
    win32.move(temporary, path, replace=False)


def name_also(path: Path, other: Path) -> None:
    """See `files_posix.name_also`."""
    os.link(path, other)


def replace(temporary: Path, path: Path) -> None:
    """See `files_posix.replace`. A file that is open is not replaced here."""
    win32.move(temporary, path, replace=True)


def flush_file(path: Path) -> None:
    """See `files_posix.flush_file`."""
    handle = win32.open_handle(
        path, _READ_AND_WRITE, win32.OPEN_EXISTING, share_name=True
    )
    descriptor = _descriptor(handle)
    try:
        _refuse_link(descriptor, path)
        flush_to_disk(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(path: Path) -> None:
    """Windows has no such call: `publish` and `replace` wait for the name."""
    path.stat()  # a folder that is gone is told, as it is elsewhere


def flush_to_disk(descriptor: int) -> None:
    """FlushFileBuffers, which reaches the medium."""
    os.fsync(descriptor)


def fault(where: Path | int) -> str | None:
    """See `files_posix.fault`."""
    with _opened(where) as handle:
        attributes = win32.attributes_of(handle)
        if attributes & win32.FILE_ATTRIBUTE_REPARSE_POINT:
            return "is a link (reparse point), which is not followed"
        if attributes & (win32.FILE_ATTRIBUTE_DIRECTORY | win32.FILE_ATTRIBUTE_DEVICE):
            return "is not a regular file"
        return win32.access_of(handle).fault_of_owner(win32.user_sid())


def is_open_to_others(where: Path | int) -> bool:
    """See `files_posix.is_open_to_others`."""
    with _opened(where) as handle:
        return win32.access_of(handle).others(win32.user_sid()) is not None


def make_private(path: Path) -> str | None:
    """See `files_posix.make_private`; returns who could use the file."""
    with _opened(path, _LOOK | win32.WRITE_DAC) as handle:
        others = win32.access_of(handle).others(win32.user_sid())
        if others is not None:
            win32.set_access(handle, _for_a_file())
        return others


def make_private_folder(path: Path) -> None:
    """See `files_posix.make_private_folder`."""
    # Inherited: SQLite makes files of its own in it.
    user = win32.user_sid()
    with suppress(FileExistsError):
        win32.make_folder(path, f"O:{user}D:P(A;OICI;FA;;;{user})")


def folder_fault(path: Path) -> str | None:
    """See `files_posix.folder_fault`."""
    with _opened(path) as handle:
        attributes = win32.attributes_of(handle)
        if attributes & win32.FILE_ATTRIBUTE_REPARSE_POINT:
            return "is a link (reparse point)"
        if not attributes & win32.FILE_ATTRIBUTE_DIRECTORY:
            return "is not a folder"
        user, access = win32.user_sid(), win32.access_of(handle)
    fault_of_owner = access.fault_of_owner(user)
    if fault_of_owner is not None:
        return fault_of_owner
    others = access.others(user)
    return None if others is None else f"is open to other users ({others})"


def belongs_to_stranger(folder: Path) -> bool:
    """False: whoever may write there is in the folder's own list, not in its owner."""
    del folder
    return False


def open_lock_file(path: Path) -> int:
    """See `files_posix.open_lock_file`."""
    # The name is not shared: while one holds the lock, nobody makes another file of it.
    handle = win32.open_handle(
        path, _READ_AND_WRITE, win32.OPEN_ALWAYS, sddl=_for_a_file(), share_name=False
    )
    descriptor = _descriptor(handle)
    try:
        _refuse_link(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def open_to_append(path: Path) -> int:
    """See `files_posix.open_to_append`. It writes where it was left: at the end."""
    handle = win32.open_handle(
        path, _READ_AND_WRITE, win32.OPEN_ALWAYS, sddl=_for_a_file(), share_name=True
    )
    descriptor = _descriptor(handle)
    try:
        _refuse_link(descriptor, path)
        os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def take_lock(descriptor: int) -> bool:
    """See `files_posix.take_lock`."""
    return win32.lock_byte(msvcrt.get_osfhandle(descriptor), _LOCKED_BYTE)


def _for_a_file() -> str:
    user = win32.user_sid()
    return f"O:{user}D:P(A;;FA;;;{user})"


def _descriptor(handle: int) -> int:
    return msvcrt.open_osfhandle(handle, os.O_NOINHERIT)


def _refuse_link(descriptor: int, path: Path) -> None:
    handle = msvcrt.get_osfhandle(descriptor)
    if win32.attributes_of(handle) & win32.FILE_ATTRIBUTE_REPARSE_POINT:
        raise OSError(errno.ELOOP, "it is a link (reparse point)", str(path))


@contextmanager
def _opened(where: Path | int, rights: int = _LOOK) -> Iterator[int]:
    if isinstance(where, int):
        yield msvcrt.get_osfhandle(where)
        return
    handle = win32.open_handle(where, rights, win32.OPEN_EXISTING, share_name=True)
    try:
        yield handle
    finally:
        win32.close_handle(handle)
