"""What restricted sockets need, introduced to each other: in itself one late part."""

from collections.abc import Callable

from broker.host import runtime_directory
from broker.host.process_ends import ProcessEnds
from broker.ipc.restricted_doors import RestrictedDoors
from broker.ipc.server import PeerServer
from broker.model.restriction import SocketName
from broker.services.interfaces import Clock, Recorder
from broker.services.sockets import Sockets
from broker.services.usage import SocketUsage
from broker.services.vault import Vault


class SocketParts:
    """Made when there is a restricted socket, or somebody asks for one.

    Attributes:
        sockets: the book of them.
        usage: how much of what is allowed to each is left.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        server: PeerServer,
        clock: Clock,
        recorder: Recorder,
        closed: Callable[[SocketName], None],
    ) -> None:
        self._doors = RestrictedDoors(server, runtime_directory())
        self.sockets = Sockets(
            vault=vault,
            doors=self._doors,
            clock=clock,
            recorder=recorder,
            processes=ProcessEnds(),
            closed=closed,
        )
        self.usage = SocketUsage(lambda: vault.require_open().sockets)

    async def clean_up(self) -> None:
        """Take the files away, once nobody is served any more."""
        await self.sockets.close()
        self._doors.leave()
