"""What is called of Windows, with types. Knows what a call needs, not what it is for.

Sources: fileapi.h, handleapi.h, aclapi.h, sddl.h, securitybaseapi.h.
"""

import ctypes
import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path

assert sys.platform == "win32"  # noqa: S101 - tells mypy, too

from broker.host.descriptor import Access, parse_access, parse_sid  # noqa: E402

# Rights that a handle has.
GENERIC_READ = 0x8000_0000
GENERIC_WRITE = 0x4000_0000
WRITE_DAC = 0x0004_0000
READ_CONTROL = 0x0002_0000
FILE_READ_ATTRIBUTES = 0x0080

# What becomes of the name.
CREATE_NEW = 1
OPEN_EXISTING = 3
OPEN_ALWAYS = 4

_SHARE_READ = 0x1
_SHARE_WRITE = 0x2
_SHARE_DELETE = 0x4

FILE_ATTRIBUTE_DIRECTORY = 0x0010
FILE_ATTRIBUTE_DEVICE = 0x0040
FILE_ATTRIBUTE_REPARSE_POINT = 0x0400
_FLAG_OPEN_REPARSE_POINT = 0x0020_0000
_FLAG_BACKUP_SEMANTICS = 0x0200_0000
"""Without it a folder cannot be opened."""

_FILE_TYPE_DISK = 1
_MOVEFILE_REPLACE_EXISTING = 0x1
_MOVEFILE_WRITE_THROUGH = 0x8

_ERROR_LOCK_VIOLATION = 33

_OWNER = 0x1
_DACL = 0x4
_PROTECTED_DACL = 0x8000_0000
_SDDL_REVISION = 1

_TOKEN_QUERY = 0x8
_TOKEN_USER = 1
_INVALID_HANDLE = ctypes.c_void_p(-1).value


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("descriptor", ctypes.c_void_p),
        ("inherit", wintypes.BOOL),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)

_kernel32.CreateFileW.restype = wintypes.HANDLE
_kernel32.GetCurrentProcess.restype = wintypes.HANDLE


def open_handle(
    path: Path, rights: int, how: int, *, sddl: str | None = None, share_name: bool
) -> int:
    """A handle of the file, folder or link of this very name; no link is followed.

    Args:
        path: the name.
        rights: such as `GENERIC_READ`.
        how: `CREATE_NEW`, `OPEN_EXISTING` or `OPEN_ALWAYS`.
        sddl: the security descriptor of a file that is made.
        share_name: whether it may be renamed and deleted while the handle is open.

    Raises:
        OSError: Windows refused; `FileExistsError` for `CREATE_NEW`.
    """
    share = _SHARE_READ | _SHARE_WRITE | (_SHARE_DELETE if share_name else 0)
    flags = _FLAG_OPEN_REPARSE_POINT
    if how == OPEN_EXISTING:
        flags |= _FLAG_BACKUP_SEMANTICS
    with security(sddl) as attributes:
        handle: int | None = _kernel32.CreateFileW(
            str(path), rights, share, attributes, how, flags, None
        )
        # Before anything else is called: that would have an error of its own.
        error = ctypes.get_last_error()
    if handle is None or handle == _INVALID_HANDLE:
        raise ctypes.WinError(error)
    return handle


def close_handle(handle: int) -> None:
    """Close it."""
    _kernel32.CloseHandle(wintypes.HANDLE(handle))


def make_folder(path: Path, sddl: str) -> None:
    """Make a folder with this security descriptor.

    Raises:
        OSError: Windows refused; `FileExistsError` where the name is taken.
    """
    with security(sddl) as attributes:
        done = _kernel32.CreateDirectoryW(str(path), attributes)
        error = ctypes.get_last_error()
    if not done:
        raise ctypes.WinError(error)


def move(old: Path, new: Path, *, replace: bool) -> None:
    """Rename, on the disk when this returns.

    Raises:
        OSError: Windows refused; `FileExistsError` where the name is taken and its file
            is not to be replaced.
    """
    how = _MOVEFILE_WRITE_THROUGH | (_MOVEFILE_REPLACE_EXISTING if replace else 0)
    _check(_kernel32.MoveFileExW(str(old), str(new), how))


def lock_byte(handle: int, at: int) -> bool:
    """Lock one byte until the handle is closed; False where another handle has it.

    Args:
        handle: of the file.
        at: where the byte is, be it behind the end; less than 4 GiB.

    Raises:
        OSError: Windows refused for another reason.
    """
    if _kernel32.LockFile(wintypes.HANDLE(handle), at, 0, 1, 0):
        return True
    if ctypes.get_last_error() == _ERROR_LOCK_VIOLATION:
        return False
    raise ctypes.WinError(ctypes.get_last_error())


def attributes_of(handle: int) -> int:
    """The attributes, such as `FILE_ATTRIBUTE_REPARSE_POINT`.

    Raises:
        OSError: Windows refused.
    """
    if _kernel32.GetFileType(wintypes.HANDLE(handle)) != _FILE_TYPE_DISK:
        return FILE_ATTRIBUTE_DEVICE
    # BY_HANDLE_FILE_INFORMATION: the attributes are its first member.
    found = (wintypes.DWORD * 13)()
    _check(_kernel32.GetFileInformationByHandle(wintypes.HANDLE(handle), found))
    return int(found[0])


def access_of(handle: int) -> Access:
    """Whose it is, and who may use it; the handle needs `READ_CONTROL`.

    Raises:
        OSError: Windows refused, or its answer is not understood.
    """
    length = wintypes.DWORD()
    about = (wintypes.HANDLE(handle), _OWNER | _DACL)
    _advapi32.GetKernelObjectSecurity(*about, None, 0, ctypes.byref(length))
    found = ctypes.create_string_buffer(length.value)
    _check(
        _advapi32.GetKernelObjectSecurity(*about, found, length, ctypes.byref(length))
    )
    try:
        return parse_access(found.raw)
    except ValueError as exc:
        raise OSError(errno.EINVAL, str(exc)) from exc


def set_access(handle: int, sddl: str) -> None:
    """Replace the access list; the handle needs `WRITE_DAC`.

    Raises:
        OSError: Windows refused.
    """
    with _descriptor(sddl) as descriptor:
        done = _advapi32.SetKernelObjectSecurity(
            wintypes.HANDLE(handle), _DACL | _PROTECTED_DACL, descriptor
        )
        error = ctypes.get_last_error()
    if not done:
        raise ctypes.WinError(error)


def user_sid() -> str:
    """The SID of the user whom this process runs as.

    Raises:
        OSError: Windows refused.
    """
    process = wintypes.HANDLE(_kernel32.GetCurrentProcess())
    token = wintypes.HANDLE()
    _check(_advapi32.OpenProcessToken(process, _TOKEN_QUERY, ctypes.byref(token)))
    try:
        return sid_of(token.value or 0)
    finally:
        close_handle(token.value or 0)


def sid_of(token: int) -> str:
    """The SID of the user that a token is of; it needs `TOKEN_QUERY`.

    Raises:
        OSError: Windows refused.
    """
    # TOKEN_USER: the address of the SID, its attributes, then the SID itself.
    length = wintypes.DWORD()
    about = (wintypes.HANDLE(token), _TOKEN_USER)
    _advapi32.GetTokenInformation(*about, None, 0, ctypes.byref(length))
    found = ctypes.create_string_buffer(length.value)
    _check(_advapi32.GetTokenInformation(*about, found, length, ctypes.byref(length)))
    begins = ctypes.c_void_p.from_buffer(found).value or 0
    return parse_sid(found.raw[begins - ctypes.addressof(found) :])


def free(address: int | None) -> None:
    """Give back what Windows has allocated with LocalAlloc."""
    _kernel32.LocalFree(ctypes.c_void_p(address))


def show_no_crash() -> None:
    """A crash ends the process, without a window and without a report of its memory."""
    fail_critical_errors, no_fault_box = 0x1, 0x2
    _kernel32.SetErrorMode(fail_critical_errors | no_fault_box)


def _check(done: int) -> None:
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())


@contextmanager
def _descriptor(sddl: str) -> Iterator[ctypes.c_void_p]:
    descriptor = ctypes.c_void_p()
    _check(
        _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl, _SDDL_REVISION, ctypes.byref(descriptor), None
        )
    )
    try:
        yield descriptor
    finally:
        free(descriptor.value)


@contextmanager
def security(sddl: str | None) -> Iterator[object]:
    """SECURITY_ATTRIBUTES with this descriptor, by reference; None for the usual."""
    if sddl is None:
        yield None
        return
    with _descriptor(sddl) as descriptor:
        size = ctypes.sizeof(_SecurityAttributes)
        yield ctypes.byref(_SecurityAttributes(size, descriptor, False))
