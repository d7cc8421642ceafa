"""What macOS tells of a peer, by its audit token. Tried with the library put in alone.

The token names one execution of one process: its version changes when the process
ends and when it executes another program, so a path found by the token is never that
of a process to which the number went.

Source: sys/un.h (LOCAL_PEERTOKEN), mach/message.h (audit_token_t), libproc.h,
sys/proc_info.h (struct proc_bsdinfo).
"""

import ctypes
import os
import struct
from typing import Protocol

from broker.host.held_peer import Held, UidAlone
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import Certainty, Known, PeerFacts, known

SOL_LOCAL = 0
LOCAL_PEERTOKEN = 6
TOKEN_BYTES = 32
_PID_OF_TOKEN = struct.Struct("=20xi")
"""audit_token_t: eight words, of which the sixth is the pid."""

PATH_BYTES = 4096
"""PROC_PIDPATHINFO_MAXSIZE."""

PROC_PIDTBSDINFO = 3
BSD_INFO = struct.Struct("=48x16s32x12xI8xQQ")
"""struct proc_bsdinfo as far as it is read: pbi_comm, e_tdev, seconds and
microseconds of the start; 136 bytes."""

_NO_DEVICE = 0xFFFF_FFFF
_PTY_MAJOR = 16
_MICROSECONDS = 1_000_000


class Libproc(Protocol):
    """The two functions of libproc, as ctypes shows them."""

    def proc_pidpath_audittoken(self, token: object, buffer: object, size: int) -> int:
        """Bytes of the path, or none or fewer where there is no such process."""
        ...

    def proc_pidinfo(
        self, pid: int, flavor: int, arg: object, buffer: object, size: int
    ) -> int:
        """Bytes written."""
        ...


class Execution:
    """One execution of a process, named by its token; no descriptor is needed."""

    def __init__(self, libproc: Libproc, token: bytes, facts: PeerFacts) -> None:
        self._libproc = libproc
        self._token = token
        self.facts = facts

    def is_alive(self) -> bool:
        """Whether it still runs, and the same program."""
        return _path(self._libproc, self._token) is not None

    def close(self) -> None:
        """Nothing is held."""


class MacOS:
    """Asks the kernel, through libproc."""

    def __init__(self, libproc: Libproc | None = None) -> None:
        # libproc is part of libSystem, which every process has.
        self._libproc: Libproc = libproc or ctypes.CDLL(None)

    def hold(self, connected: SocketOptions, peer: Peer) -> Held:
        """Look at who connected."""
        alone = PeerFacts(uid=peer.uid, pid=peer.pid)
        try:
            token = connected.getsockopt(SOL_LOCAL, LOCAL_PEERTOKEN, TOKEN_BYTES)
            (pid,) = _PID_OF_TOKEN.unpack_from(token)
            info = _info(self._libproc, pid)
            # Asked for last: if it is there still, what was read before is its own.
            path = _path(self._libproc, token)
        except (OSError, AttributeError, struct.error):  # before macOS 11
            return UidAlone(alone)
        if path is None:
            gone = PeerFacts(uid=peer.uid, pid=peer.pid, has_exited=True)
            return UidAlone(gone)
        return Execution(self._libproc, token, _facts(peer.uid, pid, path, info))


def _path(libproc: Libproc, token: bytes) -> str | None:
    buffer = ctypes.create_string_buffer(PATH_BYTES)
    copy = ctypes.create_string_buffer(token, TOKEN_BYTES)
    size = libproc.proc_pidpath_audittoken(copy, buffer, PATH_BYTES)
    return os.fsdecode(buffer.raw[:size]) if size > 0 else None


def _info(libproc: Libproc, pid: int) -> tuple[bytes, int, int, int] | None:
    buffer = ctypes.create_string_buffer(BSD_INFO.size)
    # The third is a uint64_t: C would take half of a register from a bare int.
    no_argument = ctypes.c_uint64(0)
    size = libproc.proc_pidinfo(
        pid, PROC_PIDTBSDINFO, no_argument, buffer, BSD_INFO.size
    )
    if size != BSD_INFO.size:
        return None
    name, device, seconds, microseconds = BSD_INFO.unpack(buffer.raw)
    return name, device, seconds, microseconds


def _facts(
    uid: int, pid: int, path: str, info: tuple[bytes, int, int, int] | None
) -> PeerFacts:
    facts = PeerFacts(
        uid=uid, pid=pid, pid_certainty=Certainty.FACT, executable=_claim(path)
    )
    if info is None:
        return facts
    name, device, seconds, microseconds = info
    command, _, _ = name.partition(b"\0")
    return PeerFacts(
        uid=uid,
        pid=pid,
        pid_certainty=Certainty.FACT,
        started=seconds * _MICROSECONDS + microseconds,
        executable=facts.executable,
        command=_claim(os.fsdecode(command)),
        tty=_claim(_tty(device)),
    )


def _tty(device: int) -> str:
    """'ttys003', or 'MAJOR:MINOR' where it is no pseudo-terminal; '' without one."""
    if device in (0, _NO_DEVICE):
        return ""
    major, minor = device >> 24, device & 0xFF_FFFF
    return f"ttys{minor:03}" if major == _PTY_MAJOR else f"{major}:{minor}"


def _claim(value: str) -> Known | None:
    return known(value, Certainty.CLAIM)
