"""The route that makes accounts without a person."""

from aiohttp import web

from broker.ipc.adding_wire import added_reply, parse_wanted
from broker.ipc.replies import json_reply
from broker.model.account import parse_account_name
from broker.services.adding import Adding


class AddingRoutes:
    """It; which path leads here is said in `RareRoutes`."""

    def __init__(self, adding: Adding) -> None:
        self._adding = adding

    async def add(self, request: web.Request) -> web.StreamResponse:
        """`PUT /v1/accounts/NAME`."""
        name = parse_account_name(request.match_info["name"])
        wanted = parse_wanted(name, await request.read())
        return json_reply(added_reply(await self._adding.add(wanted)), status=201)
