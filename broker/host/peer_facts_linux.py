"""What Linux tells of a peer, through its pidfd and /proc.

Nothing here may wait for what a peer controls: its root folder (.flatpak-info) and its
command line may lie on a file system of its own making, which need not answer. So the
flatpak is read off the cgroup, and the command line only of a process in our own user
namespace under our own uid: that one could as well kill us.

Source: unix(7), pidfd_open(2), proc(5), systemd.unit(5) on the names of cgroups.
"""

import os
import select
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from broker.host.held_peer import Held, UidAlone
from broker.host.proc_texts import (
    Stat,
    executable_of,
    flatpak_of,
    is_interpreter,
    parse_stat,
    script_of,
    snap_of_label,
    snap_of_unit,
    unit_of,
)
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import Certainty, Known, PeerFacts, known

SO_PEERPIDFD = 77
"""Linux 6.5; not in Python's socket module. asm-generic/socket.h."""

_SO_PEERSEC = 31
_LABEL_BYTES = 256
_PAGE_BYTES = 4096
_INT = struct.Struct("i")


class Pages(NamedTuple):
    """What /proc says of one process, as it says it; None or empty where it does not.

    Attributes:
        stat: None where not even that can be read.
        session_started: when the leader of its session started, or None.
        cmdline: the arguments of an interpreter, each ended by NUL.
    """

    stat: Stat | None
    session_started: int | None
    executable: str | None
    cgroup: str
    cmdline: bytes


class Process:
    """A process that was looked at while it lived, held by its pidfd."""

    def __init__(self, pidfd: int, facts: PeerFacts) -> None:
        self._pidfd = pidfd
        self.facts = facts

    def is_alive(self) -> bool:
        """Whether it has not ended: a pidfd can be read from then on."""
        return is_alive(self._pidfd)

    def close(self) -> None:
        """Let go of it; the facts stay."""
        os.close(self._pidfd)


class Linux:
    """Asks the kernel."""

    def hold(self, connected: SocketOptions, peer: Peer) -> Held:
        """Look at who connected."""
        try:
            pidfd, certainty = _pidfd(connected, peer)
        except ProcessLookupError:
            return UidAlone(PeerFacts(uid=peer.uid, pid=peer.pid, has_exited=True))
        except OSError:
            return UidAlone(PeerFacts(uid=peer.uid, pid=peer.pid))
        held = UidAlone(PeerFacts(uid=peer.uid, pid=peer.pid, has_exited=True))
        try:
            # First read, then look whether it lives still: else what was read may be
            # of another process, to which the number went.
            facts = _facts(peer, certainty, _pages(peer), _label(connected))
            if is_alive(pidfd):
                return Process(os.dup(pidfd), facts)
        except OSError:  # out of descriptors
            held = UidAlone(PeerFacts(uid=peer.uid, pid=peer.pid))
        finally:
            os.close(pidfd)
        return held


def _pidfd(connected: SocketOptions, peer: Peer) -> tuple[int, Certainty]:
    """A descriptor of the process, and how sure it is that it is who connected.

    Raises:
        ProcessLookupError: it has ended.
        OSError: there is none to be had.
    """
    if peer.pid is None:  # in a pid namespace that we do not see
        raise OSError
    with suppress(OSError):
        raw = connected.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, _INT.size)
        return _INT.unpack(raw)[0], Certainty.FACT
    # An older kernel, or a peer that has ended and been waited for. The number may
    # have gone to another by now, and nothing tells.
    return os.pidfd_open(peer.pid), Certainty.CLAIM


def is_alive(pidfd: int) -> bool:
    """Whether the process has not ended: a pidfd can be read from then on."""
    polled = select.poll()
    polled.register(pidfd, select.POLLIN)
    return not polled.poll(0)


def _pages(peer: Peer) -> Pages:
    folder = f"/proc/{peer.pid}"
    executable = None
    with suppress(OSError):  # of another user, in a namespace, or closed as we are
        executable = executable_of(_target(f"{folder}/exe"))
    stat = parse_stat(_read(f"{folder}/stat"))
    cmdline = b""
    if is_interpreter(executable) and peer.uid == os.geteuid() and _is_near(folder):
        cmdline = _read(f"{folder}/cmdline")
    return Pages(
        stat=stat,
        session_started=None if stat is None else _session_started(peer, stat),
        executable=executable,
        cgroup=os.fsdecode(_read(f"{folder}/cgroup")),
        cmdline=cmdline,
    )


def _session_started(peer: Peer, stat: Stat) -> int | None:
    """When the leader started: its number is nobody else's while its session lives."""
    if stat.session == peer.pid:
        return stat.started
    leader = parse_stat(_read(f"/proc/{stat.session}/stat"))
    return None if leader is None else leader.started


def _is_near(folder: str) -> bool:
    """Whether it is in our own user namespace, see the top."""
    with suppress(OSError):
        return _target("/proc/self/ns/user") == _target(f"{folder}/ns/user")
    return False


def _target(link: str) -> str:
    """Where a link of /proc points; nothing is looked for there."""
    return os.readlink(link)  # noqa: PTH115 - a Path of it takes longer than the call


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _PAGE_BYTES)
    except OSError:  # it has just ended
        return b""
    finally:
        os.close(descriptor)


def _label(connected: SocketOptions) -> str:
    """The security label, such as AppArmor's, as it was at connect; '' without one."""
    with suppress(OSError):
        raw = connected.getsockopt(socket.SOL_SOCKET, _SO_PEERSEC, _LABEL_BYTES)
        return os.fsdecode(raw.rstrip(b"\0"))
    return ""


def _facts(peer: Peer, certainty: Certainty, pages: Pages, label: str) -> PeerFacts:
    unit = unit_of(pages.cgroup)
    return PeerFacts(
        uid=peer.uid,
        pid=peer.pid,
        pid_certainty=certainty,
        started=None if pages.stat is None else pages.stat.started,
        session_started=pages.session_started,
        executable=_claim(pages.executable),
        command=_claim(None if pages.stat is None else pages.stat.command),
        unit=_claim(unit),
        flatpak=_claim(flatpak_of(unit)),
        snap=_claim(snap_of_label(label) or snap_of_unit(unit)),
        tty=_claim(None if pages.stat is None else pages.stat.tty),
        script=known(script_of(pages.cmdline), Certainty.GUESS),
    )


def _claim(value: str | None) -> Known | None:
    return known(value, Certainty.CLAIM)
