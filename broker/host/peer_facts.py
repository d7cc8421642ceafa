"""Looks up who asks, by the means of this system; see `model/peer_facts.py`."""

import errno
import os
import sys
from collections import OrderedDict
from pathlib import Path

from broker.host.held_peer import Held, System, UidAlone
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts

HELD = 32
"""Processes that are remembered: each is a descriptor, and a person's programs few."""


class PeerLooker:
    """Looks up peers; never raises, and never waits for what a peer controls."""

    def __init__(self, system: System | None = None) -> None:
        self._system = system or _this_system()
        self._held: OrderedDict[Peer, Held] = OrderedDict()

    def look(self, connected: SocketOptions, peer: Peer) -> PeerFacts:
        """What is so now: for a rule or a question. About 50 microseconds.

        Args:
            connected: the socket at whose other end it is.
            peer: who connected, see `peer_of`.
        """
        held = self._system.hold(_Connected(connected), peer)
        held.close()
        return held.facts

    def label(self, connected: SocketOptions, peer: Peer) -> PeerFacts:
        """What was so when this process was first seen: for the audit.

        A process that asks a thousand times is looked up once; one that has executed
        another program since then is still called what it was.
        """
        held = self._held.get(peer)
        if held is not None and held.is_alive():
            self._held.move_to_end(peer)
            return held.facts
        self._let_the_ended_go()
        held = self._system.hold(_Connected(connected), peer)
        if not held.is_alive():
            held.close()
            return held.facts
        self._held[peer] = held
        if len(self._held) > HELD:
            self._drop(next(iter(self._held)))
        return held.facts

    def _let_the_ended_go(self) -> None:
        for peer, held in tuple(self._held.items()):
            if not held.is_alive():
                self._drop(peer)

    def close(self) -> None:
        """Let go of every process."""
        for peer in tuple(self._held):
            self._drop(peer)

    def _drop(self, peer: Peer) -> None:
        held = self._held.pop(peer, None)
        if held is not None:
            held.close()


def facts_of_process(pid: int) -> PeerFacts:
    """What is so of a process now that need not be a peer."""
    peer = Peer(uid=_owner(pid), pid=pid)
    return PeerLooker().look(_Nothing(), peer)


class _Connected:
    """A connection that may have ended meanwhile: uvloop has a ValueError for that."""

    def __init__(self, connected: SocketOptions) -> None:
        self._connected = connected

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        try:
            return self._connected.getsockopt(level, optname, buflen)
        except ValueError:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN)) from None


class _Nothing:
    """No connection: nothing is learned from it."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        del level, optname, buflen
        raise OSError


def _owner(pid: int) -> int:
    try:
        return Path("/proc", str(pid)).stat().st_uid
    except OSError:  # ended, or a system without
        return -1


class NoSystem:
    """A system that is not asked: Windows, whose pipe is to come."""

    def hold(self, connected: SocketOptions, peer: Peer) -> Held:
        """What came with the connection."""
        del connected
        return UidAlone(PeerFacts(uid=peer.uid, pid=peer.pid))


def _this_system() -> System:
    if sys.platform == "linux":
        from broker.host.peer_facts_linux import Linux  # noqa: PLC0415 - of it alone

        return Linux()
    if sys.platform == "darwin":
        from broker.host.peer_facts_macos import MacOS  # noqa: PLC0415 - of it alone

        return MacOS()
    return NoSystem()
