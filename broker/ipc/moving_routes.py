"""The routes by which sign-ins move in from other tools, and out again."""

from broker.ipc import moving_wire, web
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.account import parse_account_name
from broker.services.moving_in import MovingIn
from broker.services.moving_out import MovingOut


class MovingRoutes:
    """Both of them; which path leads where is said in `RareRoutes`."""

    def __init__(self, moving_in: MovingIn, moving_out: MovingOut) -> None:
        self._moving_in = moving_in
        self._moving_out = moving_out

    async def take_over(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/accounts`."""
        body = parse_body(await request.read(), moving_wire.ForeignBody)
        taken = await self._moving_in.take_over(moving_wire.foreign_grant(body))
        return json_reply(moving_wire.taken_over_reply(taken), status=201)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/accounts/NAME/export`."""
        name = parse_account_name(request.match_info["name"])
        body = parse_body(await request.read(), moving_wire.ExportBody)
        moving_wire.require_meant(name, body)
        grant = await self._moving_out.export(name)
        return json_reply(moving_wire.export_reply(grant))
