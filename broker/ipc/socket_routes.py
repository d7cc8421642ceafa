"""The routes of /v1/sockets. Knows no sockets of the system, as the other routes."""

from broker.ipc import socket_wire, web
from broker.ipc.handling import ASKER
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.late import Late
from broker.model.restriction import Runner, parse_socket_name
from broker.services.interfaces import PeerLooker
from broker.services.sockets import Sockets


class SocketRoutes:
    """All of them; which path leads where is said in `RareRoutes`."""

    def __init__(self, sockets: Sockets, looker: Late[PeerLooker]) -> None:
        self._sockets = sockets
        self._looker = looker

    async def add(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/sockets`."""
        body = parse_body(await request.read(), socket_wire.SocketBody)
        added = await self._sockets.add(
            socket_wire.restriction(body, self._runner(request, body)),
            socket_wire.expires_in(body),
        )
        return json_reply(socket_wire.socket_reply(added), status=201)

    def _runner(
        self, request: web.Request, body: socket_wire.SocketBody
    ) -> Runner | None:
        asker = request[ASKER]
        if not body.with_me or asker.connected is None:
            return None
        facts = self._looker.get().look(asker.connected, asker.peer)
        return self._sockets.runner(facts)

    async def list(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/sockets`."""
        found = self._sockets.all()
        is_damaged = self._sockets.is_damaged
        return json_reply(socket_wire.sockets_reply(found, is_damaged=is_damaged))

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/sockets/NAME`."""
        name = parse_socket_name(request.match_info["name"])
        await self._sockets.remove(name)
        return web.Response(status=204)
