"""The admin socket and who is at its other end. Knows no HTTP."""

import os
import socket
import stat
import struct
import sys
from pathlib import Path

from broker.model.errors import (
    AlreadyRunningError,
    ConfigError,
    DirectoryUnsafeError,
)
from broker.model.peer import Peer, SocketOptions

ADMIN_BACKLOG = 4096
"""Linux answers EAGAIN over the backlog, and asyncio's clients then fail: a herd of
two thousand lost hundreds at the usual 128 (python/cpython#117208)."""

SUN_PATH_BYTES = 104 if sys.platform == "darwin" else 108
"""Size of sockaddr_un.sun_path, the closing NUL included (unix(7), unix(4))."""

SOCKET_MODE = 0o600
_UMASK_FOR_SOCKET = 0o177

_LINUX_UCRED = struct.Struct("iII")
"""pid, uid, gid: struct ucred (unix(7))."""

_DARWIN_SOL_LOCAL = 0
_DARWIN_LOCAL_PEERCRED = 1
_DARWIN_LOCAL_PEERPID = 2
_DARWIN_XUCRED = struct.Struct("IIh2x16I")
"""version, uid, number of groups, groups: struct xucred (sys/ucred.h)."""


def bind_private_socket(path: Path, *, backlog: int = ADMIN_BACKLOG) -> socket.socket:
    """A listening, non-blocking socket at `path`, mode 0600.

    The daemon's lock is held by now, so a dead socket left by a crash is removed.
    asyncio would remove a live one, too, without a word: hence this function.

    Args:
        path: in a folder that `ensure_private_directory` has seen.
        backlog: how many may wait to be accepted.

    Raises:
        ConfigError: the path is longer than the system allows.
        AlreadyRunningError: somebody listens there, such as the service manager.
        DirectoryUnsafeError: what lies there is not a socket of ours, or the
            system refuses to put one there.
    """
    length = len(os.fsencode(path))
    if length >= SUN_PATH_BYTES:
        what = f"has {length} bytes; a socket's path may have {SUN_PATH_BYTES - 1}"
        raise ConfigError(path=str(path), what=what)
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(listening, path)
        listening.listen(backlog)
    except OSError as exc:
        listening.close()
        raise DirectoryUnsafeError(
            path=str(path), what=f"cannot hold a socket: {exc.strerror}"
        ) from exc
    listening.setblocking(False)
    return listening


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise DirectoryUnsafeError(path=str(path), what="is not a socket of ours")
    if is_listened_to(path):
        raise AlreadyRunningError(path=str(path))
    path.unlink()


def is_listened_to(path: Path) -> bool:
    """Whether somebody accepts connections at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)
        try:
            knocking.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:  # of another user, or shut by its owner
            return True
        except BlockingIOError:  # its backlog is full, so somebody has one
            return True
    return True


def _bind(listening: socket.socket, path: Path) -> None:
    # The mode follows the umask at bind; a chmod would leave a moment in between.
    before = os.umask(_UMASK_FOR_SOCKET)
    try:
        listening.bind(os.fspath(path))
    finally:
        os.umask(before)
    mode = stat.S_IMODE(path.lstat().st_mode)
    if mode != SOCKET_MODE:  # a file system with modes of its own
        path.unlink()
        raise PermissionError(None, f"its mode is {mode:04o} instead of 0600")


def peer_of(connected: SocketOptions) -> Peer:
    """Who connected, as the kernel noted it at that moment.

    Read from the kernel's struct, never from a string that holds a name the other
    end could choose (CVE-2019-7304).
    """
    if sys.platform == "darwin":
        return _darwin_peer(connected)
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX_UCRED.size)
    pid, uid, _ = _LINUX_UCRED.unpack(raw)
    # 0: the peer lives in a pid namespace that we cannot see into.
    return Peer(uid=uid, pid=pid or None)


def _darwin_peer(connected: SocketOptions) -> Peer:
    raw = connected.getsockopt(
        _DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERCRED, _DARWIN_XUCRED.size
    )
    _, uid, *_ = _DARWIN_XUCRED.unpack(raw)
    (pid,) = struct.unpack(
        "i", connected.getsockopt(_DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERPID, 4)
    )
    return Peer(uid=uid, pid=pid or None)
