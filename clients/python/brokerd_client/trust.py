"""Whether a socket's other end can be a stranger. Sends nothing.

A token request tells a stranger little, but what a stranger answers would be sent
to an API as a token of the person's.
"""

from __future__ import annotations

import os
import socket
import stat
import sys

from brokerd_client.errors import not_trusted

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Callable

    PeerUid = Callable[[socket.socket], int]
    Lstat = Callable[[str], os.stat_result]
    Readlink = Callable[[str], str]

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY_ANYTHING = stat.S_IRWXG | stat.S_IRWXO
_LINKS_FOLLOWED = 40  # as Linux itself, path_resolution(7)

_UCRED_BYTES = 12  # pid, uid, gid: unix(7)
_DARWIN_SOL_LOCAL = 0
_DARWIN_LOCAL_PEERCRED = 1
_XUCRED_BYTES = 76  # version, uid, a count and sixteen groups: sys/ucred.h


def check_default(path: str) -> None:
    """Check the socket at the default path before it is connected to.

    Raises:
        SocketNotTrustedError: its folder or it is a link, another user's, or open
            to others.
        OSError: it is not there.
    """
    uid = os.geteuid()
    folder = os.lstat(os.path.dirname(path))  # noqa: PTH120 - pathlib is 5 ms
    if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != uid:
        raise not_trusted(path, "its folder is not a folder of yours")
    if folder.st_mode & _OTHERS_MAY_ANYTHING:
        raise not_trusted(path, "its folder is open to other users")
    found = os.lstat(path)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != uid:
        raise not_trusted(path, "it is not a socket of yours")


def is_out_of_reach(
    path: str,
    lstat: Lstat = os.lstat,
    readlink: Readlink = os.readlink,
    *,
    sharing: int = 0,
) -> bool:
    """Whether no stranger can have put the socket at `path`, or a link on the way.

    So it is where every folder from the root on is root's or ours and writable by
    nobody else. A sticky folder such as /tmp is not: anyone may be first there.
    A link in such a folder was made by root or us, and is followed.

    Args:
        path: absolute and normal.
        lstat: how to look at one path.
        readlink: where a link leads.
        sharing: the uid of one who may have put it there, too.

    Raises:
        OSError: something on the way is not there.
    """
    owners = (0, os.geteuid(), sharing)
    steps = path.split("/")[:0:-1]
    folder = ""
    links_left = _LINKS_FOLLOWED
    while steps and links_left:
        found = lstat(folder or "/")
        if found.st_uid not in owners or found.st_mode & _OTHERS_MAY_WRITE:
            return False
        step = steps.pop()
        place = f"{folder}/{step}"
        if step == "..":
            folder = folder.rpartition("/")[0]
        elif step not in ("", ".") and stat.S_ISLNK(lstat(place).st_mode):
            links_left -= 1
            target = readlink(place)
            folder = "" if target.startswith("/") else folder
            steps += target.split("/")[::-1]
        elif step not in ("", "."):
            folder = place
    return not steps


def sharing_uid(
    path: str, lstat: Lstat = os.lstat, readlink: Readlink = os.readlink
) -> int | None:
    """Whose socket this is that is shared with a group of ours; None where it is none.

    So it is where the socket is closed to all but its owner and that group, and every
    folder on the way is its owner's, root's or ours and writable by nobody else: only
    the owner can have put it there, and to the group only a member of it.
    """
    try:
        found = lstat(path)
        shared_by = found.st_uid
        is_shared = stat.S_ISSOCK(found.st_mode) and not found.st_mode & stat.S_IRWXO
        if not is_shared or found.st_gid not in (os.getegid(), *os.getgroups()):
            return None
        is_safe = is_out_of_reach(path, lstat, readlink, sharing=shared_by)
    except OSError:
        return None
    return shared_by if is_safe else None


def check_peer(
    connection: socket.socket, path: str, *, named: bool, peer_uid: PeerUid
) -> None:
    """Check who listens at the other end, before a byte is sent.

    Args:
        connection: connected.
        path: for the error.
        named: whether someone named the path; then root may listen too, or who shares
            the socket with a group of ours.
        peer_uid: how to learn the other end's uid.

    Raises:
        SocketNotTrustedError: it is a stranger.
    """
    uid = peer_uid(connection)
    if uid == os.geteuid() or (named and uid in (0, sharing_uid(path))):
        return
    raise not_trusted(path, f"it is served by the user with uid {uid}")


def read_peer_uid(connection: socket.socket) -> int:
    """The uid of whoever made the other end listen, from the kernel; -1 if unknown."""
    if sys.platform == "linux":
        ucred = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED_BYTES
        )
        return int.from_bytes(ucred[4:8], sys.byteorder, signed=True)
    if sys.platform == "darwin":
        xucred = connection.getsockopt(
            _DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERCRED, _XUCRED_BYTES
        )
        return int.from_bytes(xucred[4:8], sys.byteorder, signed=True)
    return -1
