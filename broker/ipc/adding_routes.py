"""The route that makes accounts without a person."""

from broker.ipc import web
from broker.ipc.adding_wire import AnyWanted, added_reply, parse_wanted
from broker.ipc.replies import json_reply
from broker.model.account import parse_account_name
from broker.model.unattended import parent_of
from broker.services.adding import Added, Adding
from broker.services.deriving import Deriving, ExchangeWanted, ViewWanted


class AddingRoutes:
    """It; which path leads here is said in `RareRoutes`."""

    def __init__(self, adding: Adding, deriving: Deriving) -> None:
        self._adding = adding
        self._deriving = deriving

    async def add(self, request: web.Request) -> web.StreamResponse:
        """`PUT /v1/accounts/NAME`."""
        name = parse_account_name(request.match_info["name"])
        wanted = parse_wanted(name, await request.read())
        return json_reply(added_reply(await self._added(wanted)), status=201)

    async def _added(self, wanted: AnyWanted) -> Added:
        match wanted:
            case ViewWanted():
                return await self._deriving.view(wanted)
            case ExchangeWanted():
                return await self._deriving.exchange(wanted)
        parent = parent_of(wanted.unattended)
        if parent is not None:
            return await self._deriving.begun(wanted, parent)
        return await self._adding.add(wanted)
