"""Where restricted sockets lie, and how they are made. Knows not what they are for.

The usual place is a folder a socket, `sockets/NAME/broker.sock` in the runtime folder.
The folder outlives the daemon, so that it can be bound into a container's file system:
the socket itself is another file after every start.
"""

import contextlib
import grp
import os
import socket
import stat
from pathlib import Path

from broker.host.private import ensure_private_directory
from broker.host.sockets import bind_private_socket
from broker.model.errors import (
    AlreadyRunningError,
    BrokerError,
    ConfigError,
    DirectoryUnsafeError,
    SocketUnusableError,
)
from broker.model.restriction import Restriction
from brokerd_client.trust import is_out_of_reach

FOLDER = "sockets"
FILE = "broker.sock"

RESTRICTED_BACKLOG = 1024
"""That of one container, one host, one job."""

_SHARED_MODE = 0o660
_UNREADABLE = "cannot be looked at"


def restricted_path(runtime: Path, restriction: Restriction) -> Path:
    """The socket's path."""
    if restriction.path is not None:
        return Path(restriction.path)
    return runtime / FOLDER / restriction.name / FILE


def bind_restricted_socket(runtime: Path, restriction: Restriction) -> socket.socket:
    """A listening socket, 0600, or 0660 and its group's.

    Raises:
        SocketUnusableError: it cannot lie there, or the group cannot reach it.
    """
    path = restricted_path(runtime, restriction)
    try:
        if restriction.path is None:
            ensure_private_directory(runtime / FOLDER)
            ensure_private_directory(path.parent)
        else:
            _require_out_of_reach(path)
        group = None if restriction.group is None else _gid(restriction.group)
        if group is not None:
            _require_way_for(group, restriction.group, path)
        bound = bind_private_socket(path, backlog=RESTRICTED_BACKLOG)
        if group is not None:
            _share(bound, path, group)
    except (_Unfit, BrokerError, OSError) as exc:
        what = _told(exc)
        raise SocketUnusableError(socket=restriction.name, what=what) from exc
    return bound


def unlink_restricted_socket(runtime: Path, restriction: Restriction) -> None:
    """Take the file away; its folder stays, see the top."""
    with contextlib.suppress(OSError):
        restricted_path(runtime, restriction).unlink()


def forget_restricted_place(runtime: Path, restriction: Restriction) -> None:
    """Take the file away, and the folder that was made for it."""
    unlink_restricted_socket(runtime, restriction)
    if restriction.path is None:
        with contextlib.suppress(OSError):
            restricted_path(runtime, restriction).parent.rmdir()


def sweep_restricted_places(runtime: Path, known: frozenset[str]) -> None:
    """Take away the usual places of sockets that are known no more.

    A daemon that was killed has left them.
    """
    with contextlib.suppress(OSError):
        for folder in list((runtime / FOLDER).iterdir()):
            if folder.name not in known:
                _clear(folder)


class _Unfit(Exception):  # noqa: N818 - a reason, never seen outside
    """Why a place or a group will not do."""


def _told(error: Exception) -> str:
    match error:
        case OSError():  # no more files may be open
            return (error.strerror or "it cannot be made").lower()
        case AlreadyRunningError():
            return f"somebody listens at {error.path}"
        case DirectoryUnsafeError() | ConfigError():
            return f"{error.path} {error.what}"
        case _:
            return str(error)


def _require_out_of_reach(path: Path) -> None:
    """See that nobody but us and root can put something at `path`, or on the way."""
    try:
        # A name that is there makes it look at the whole way.
        is_safe = is_out_of_reach(str(path.parent / "."))
        own = path.parent.stat()
    except OSError as exc:
        raise _Unfit(f"{path.parent} {_UNREADABLE}: {exc.strerror}") from exc
    if not stat.S_ISDIR(own.st_mode):
        raise _Unfit(f"{path.parent} is not a folder")
    if not is_safe or own.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _Unfit(
            f"other users can write to {path.parent} or a folder above it, and could "
            "put a socket of theirs there"
        )
    if own.st_uid not in (0, os.geteuid()):
        raise _Unfit(f"{path.parent} is another user's")


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise _Unfit(f"there is no group {name!r} on this system") from None


def _require_way_for(group: int, name: str | None, path: Path) -> None:
    for folder in reversed(path.parents):
        found = folder.stat()
        enters = found.st_mode & stat.S_IXOTH or (
            found.st_gid == group and found.st_mode & stat.S_IXGRP
        )
        if not enters:
            raise _Unfit(
                f"members of {name} cannot enter {folder}: for them it needs the group "
                f"{name} and mode 0710, or mode 0711"
            )


def _share(bound: socket.socket, path: Path, group: int) -> None:
    try:
        # It is 0600 until the group is the right one.
        os.chown(path, -1, group)
        path.chmod(_SHARED_MODE)
    except OSError as exc:
        bound.close()
        path.unlink()
        raise _Unfit(
            f"it cannot be given to the group: {exc.strerror}; you must be a member "
            "of it, since before the daemon was started"
        ) from exc


def _clear(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK((folder / FILE).lstat().st_mode):
            (folder / FILE).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
