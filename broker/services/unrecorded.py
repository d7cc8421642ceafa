"""No audit, where the person has switched it off. Satisfies `Recorder`."""

from broker.model.audit import AuditEntry
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.services.interfaces import GrantStore


class Unrecorded:
    """Takes everything in and keeps nothing."""

    def record(self, entry: AuditEntry) -> None:
        """Forget it."""

    def facts(self, connected: SocketOptions | None, peer: Peer) -> PeerFacts:
        """What came with the connection: nothing is looked up for nobody."""
        del connected
        return PeerFacts(uid=peer.uid, pid=peer.pid)

    def attach(self, store: GrantStore) -> None:
        """Nothing waits for a store."""

    async def detach(self) -> None:
        """Nothing is to be written."""
