"""An audit in memory. Satisfies `Recorder`."""

from broker.model.audit import AuditEntry
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.services.interfaces import GrantStore


class FakeRecorder:
    """Keeps what it is given.

    Attributes:
        entries: in the order in which they came.
        store: the one that is open, or None.
    """

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.store: GrantStore | None = None

    def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def facts(self, connected: SocketOptions | None, peer: Peer) -> PeerFacts:
        del connected
        return PeerFacts(uid=peer.uid, pid=peer.pid)

    def attach(self, store: GrantStore) -> None:
        self.store = store

    async def detach(self) -> None:
        self.store = None
