"""A peer's process that was looked at; what each system's looking at it comes to."""

from typing import Protocol

from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts


class Held(Protocol):
    """One process that was looked at."""

    @property
    def facts(self) -> PeerFacts:
        """As they were when it was looked at."""
        ...

    def is_alive(self) -> bool:
        """Whether it still runs: then its number cannot be another's."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class System(Protocol):
    """How this system is asked."""

    def hold(self, connected: SocketOptions, peer: Peer) -> Held:
        """Look at who connected."""
        ...


class UidAlone:
    """All that is told of a peer where the system tells no more.

    Args:
        facts: of a process that is not held, so never alive as far as we know.
    """

    def __init__(self, facts: PeerFacts) -> None:
        self.facts = facts

    def is_alive(self) -> bool:
        """Nothing says so."""
        return False

    def close(self) -> None:
        """Nothing is held."""
