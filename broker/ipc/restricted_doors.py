"""Restricted sockets, bound and served. Satisfies the services' `SocketDoors`."""

import os
from pathlib import Path

from broker.host.restricted_sockets import (
    RESTRICTED_BACKLOG,
    bind_restricted_socket,
    forget_restricted_place,
    restricted_path,
    sweep_restricted_places,
    unlink_restricted_socket,
)
from broker.ipc.server import PeerServer
from broker.model.peer import Socket
from broker.model.restriction import Restriction


class RestrictedDoors:
    """Those of one daemon.

    Args:
        server: answers behind each.
        runtime: the folder of the admin socket.
    """

    def __init__(self, server: PeerServer, runtime: Path) -> None:
        self._server = server
        self._runtime = runtime
        self._bound: dict[str, Restriction] = {}

    def path(self, restriction: Restriction) -> str:
        """Where the socket lies, or would."""
        return str(restricted_path(self._runtime, restriction))

    async def open(self, restriction: Restriction) -> None:
        """Let its peers come.

        Raises:
            SocketUnusableError: it cannot lie there, or its group cannot reach it.
        """
        bound = bind_restricted_socket(self._runtime, restriction)
        self._bound[restriction.name] = restriction
        door = Socket(
            name=restriction.name, owner_uid=os.geteuid(), restriction=restriction
        )
        await self._server.serve(bound, door, RESTRICTED_BACKLOG)

    async def close(self, restriction: Restriction) -> None:
        """Let nobody come any more, cut off who has come, and take the file away."""
        self._bound.pop(restriction.name, None)
        forget_restricted_place(self._runtime, restriction)
        await self._server.cut_off(restriction.name)

    def sweep(self, known: frozenset[str]) -> None:
        """Take away what a daemon that was killed has left of others than `known`."""
        sweep_restricted_places(self._runtime, known)

    def leave(self) -> None:
        """Take the files away at the end of the daemon; the next makes them anew.

        Their folders stay: a container may have one of them.
        """
        for restriction in self._bound.values():
            unlink_restricted_socket(self._runtime, restriction)
