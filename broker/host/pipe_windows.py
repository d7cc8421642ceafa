"""The named pipe that stands in for the socket on Windows: its ends, and who is there.

The name of a pipe is nobody's: whoever makes it first has it, and others may add
instances to it. So the first instance says that it must be the first, all of them are
the owner's alone, and the other end looks whose the pipe is before it says a word. A
client lets itself be identified and no more: a server that was not ours could
otherwise act in its name.

The daemon does not run on Windows yet: these are the calls that it will make.

Source: namedpipeapi.h, winbase.h, "Impersonation Levels" of the Windows documentation.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes

assert sys.platform == "win32"  # noqa: S101 - tells mypy, too

from broker.host import win32  # noqa: E402
from broker.model.errors import AlreadyRunningError, NotPermittedError  # noqa: E402
from broker.model.peer import Peer  # noqa: E402

PIPE_ACCESS_DUPLEX = 0x0000_0003
FILE_FLAG_OVERLAPPED = 0x4000_0000
FILE_FLAG_FIRST_PIPE_INSTANCE = 0x0008_0000

PIPE_TYPE_BYTE = 0x0
PIPE_READMODE_BYTE = 0x0
PIPE_WAIT = 0x0
PIPE_REJECT_REMOTE_CLIENTS = 0x8
PIPE_UNLIMITED_INSTANCES = 255

SECURITY_SQOS_PRESENT = 0x0010_0000
SECURITY_IDENTIFICATION = 0x0001_0000

BUFFER_BYTES = 65536
"""Of each direction; a request and its answer fit in it."""

_TOKEN_QUERY = 0x8
_INVALID_HANDLE = ctypes.c_void_p(-1).value

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel32.CreateNamedPipeW.restype = wintypes.HANDLE
_kernel32.CreateFileW.restype = wintypes.HANDLE
_kernel32.GetCurrentThread.restype = wintypes.HANDLE


def pipe_name(sid: str) -> str:
    r"""Of the user's own daemon, such as r'\\.\pipe\brokerd-S-1-5-21-…'."""
    return rf"\\.\pipe\brokerd-{sid}"


def pipe_sddl(sid: str) -> str:
    """Who may use it: its owner, of at least medium integrity, and nobody else.

    Protected, so that nothing is inherited; a program of low integrity (a browser's
    sandbox) of the same user cannot write to it.
    """
    return f"O:{sid}D:P(A;;GA;;;{sid})S:(ML;;NW;;;ME)"


def make_instance(sid: str, *, is_first: bool) -> int:
    """One end of the pipe, for one client; a handle.

    Args:
        sid: of the user who runs the daemon.
        is_first: whether there must be no pipe of this name yet. One instance is
            always open: between the last and the next anybody could take the name.

    Raises:
        AlreadyRunningError: somebody has the name already.
        OSError: Windows refused.
    """
    name = pipe_name(sid)
    access = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED
    if is_first:
        access |= FILE_FLAG_FIRST_PIPE_INSTANCE
    mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS
    with win32.security(pipe_sddl(sid)) as attributes:
        handle = _kernel32.CreateNamedPipeW(
            name,
            access,
            mode,
            PIPE_UNLIMITED_INSTANCES,
            BUFFER_BYTES,
            BUFFER_BYTES,
            0,
            attributes,
        )
        error = ctypes.get_last_error()
    if handle is None or handle == _INVALID_HANDLE:
        fault = ctypes.WinError(error)
        if is_first and isinstance(fault, PermissionError):
            raise AlreadyRunningError(path=name) from fault
        raise fault
    return int(handle)


def open_pipe(sid: str) -> int:
    """The other end, for a client of the same user; a handle.

    Raises:
        NotPermittedError: the pipe is another user's: nothing was sent.
        OSError: there is none, or Windows refused.
    """
    name = pipe_name(sid)
    rights = win32.GENERIC_READ | win32.GENERIC_WRITE
    flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION
    handle = _kernel32.CreateFileW(
        name, rights, 0, None, win32.OPEN_EXISTING, flags, None
    )
    error = ctypes.get_last_error()
    if handle is None or handle == _INVALID_HANDLE:
        raise ctypes.WinError(error)
    owner = win32.access_of(int(handle)).owner
    if owner != sid:
        win32.close_handle(int(handle))
        raise NotPermittedError(what=f"{name} belongs to user {owner}")
    return int(handle)


def is_owners(instance: int, sid: str) -> bool:
    """Whether the client at this end runs as the user; it has sent something by now.

    The access list has let in nobody else. Looked at all the same, as on POSIX: by the
    token that the client lets itself be identified with, never by what it says.
    """
    with _as_client(instance):
        token = wintypes.HANDLE()
        thread = wintypes.HANDLE(_kernel32.GetCurrentThread())
        # As ourselves: a token that only identifies opens nothing.
        opened = _advapi32.OpenThreadToken(thread, _TOKEN_QUERY, 1, ctypes.byref(token))
        error = ctypes.get_last_error()
    if not opened:
        raise ctypes.WinError(error)
    try:
        return win32.sid_of(token.value or 0) == sid
    finally:
        win32.close_handle(token.value or 0)


def peer_of_pipe(instance: int) -> Peer:
    """The client at this end: its process, a label; users have no number here.

    Raises:
        OSError: Windows refused.
    """
    pid = wintypes.ULONG()
    done = _kernel32.GetNamedPipeClientProcessId(
        wintypes.HANDLE(instance), ctypes.byref(pid)
    )
    if not done:
        raise ctypes.WinError(ctypes.get_last_error())
    return Peer(uid=0, pid=pid.value or None)


@contextmanager
def _as_client(instance: int) -> Iterator[None]:
    if not _advapi32.ImpersonateNamedPipeClient(wintypes.HANDLE(instance)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        yield
    finally:
        if not _advapi32.RevertToSelf():  # never go on as somebody else
            raise ctypes.WinError(ctypes.get_last_error())
