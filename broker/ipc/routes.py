"""The routes of /v1: each asks a service and answers in JSON.

Knows no sockets: who asks is in the request when it gets here.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from broker.host import proportional_set_kib
from broker.ipc import web, wire
from broker.ipc.handling import ASKER, Handler, Ruled
from broker.ipc.rare_routes import RareRoutes, RareServices
from broker.ipc.recorded import recorded
from broker.ipc.replies import json_reply
from broker.ipc.router import Router
from broker.ipc.store_replies import degraded_reply, health_reply, slot_reply
from broker.ipc.stream import stream_events
from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError, NotPermittedError
from broker.model.event import Event
from broker.model.peer import Socket
from broker.model.policy import Operation
from broker.model.restriction import Restriction
from broker.model.store import Slot, VaultState
from broker.model.time import UnixTime
from broker.services.access import Access
from broker.services.events import Events
from broker.services.health import Health
from broker.services.interfaces import Clock, Recorder
from broker.services.lineage import as_shown
from broker.services.standing import standing_events
from broker.services.vault import Vault


class DaemonFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the daemon runs.

    Attributes:
        version: of the distribution.
        pid: of the process.
        started_at: when it started.
        socket: path of the admin socket.
        config: path of the person's file, whether it is there or not.
    """

    version: str
    pid: int
    started_at: UnixTime
    socket: str
    config: str


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes ask.

    Attributes:
        rare: what most daemons are never asked for.
        stop: asks the daemon to end; returns at once.
    """

    facts: DaemonFacts
    vault: Vault
    access: Access
    events: Events
    clock: Clock
    recorder: Recorder
    rare: RareServices
    stop: Callable[[], None]


class Routes:
    """Every route of /v1, as a table."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rare_routes = RareRoutes(
            services.rare,
            vault=services.vault,
            clock=services.clock,
            status=self._status,
        )

    def router(self, door: Socket) -> Router:
        """Of the requests that come through `door`."""
        restriction = door.restriction
        if restriction is None:
            return Router(self.table(door))
        unknown = recorded(
            self._services.recorder, Operation.MANAGE, "unknown", _nothing_else
        )
        return Router([*self.table(door), *self._refused(restriction)], unknown)

    def table(self, door: Socket) -> list[web.RouteDef]:
        """What there is behind `door`.

        On a restricted socket there is what it permits, and nothing else: no handler
        of anything else can be reached.
        """
        restriction = door.restriction
        return [
            self._behind(each)
            for each in self._all()
            if restriction is None or restriction.permits(each[0])
        ]

    def _refused(self, restriction: Restriction) -> list[web.RouteDef]:
        """The rest of the paths: that somebody asks there is recorded by its name."""
        rest = [each for each in self._all() if not restriction.permits(each[0])]
        return [
            # Tokens `Access` refuses by itself, see below.
            self._behind(
                (operation, route)
                if operation is Operation.TOKEN
                else (operation, replace(route, handler=_nothing_else))
            )
            for operation, route in rest
        ]

    def _all(self) -> list[Ruled]:
        return [
            (Operation.TOKEN, web.post("/v1/token", self.token)),
            (Operation.ACCOUNTS, web.get("/v1/accounts", self.accounts)),
            (Operation.MANAGE, web.delete("/v1/accounts/{name}", self.log_out)),
            (Operation.MANAGE, web.put("/v1/default", self.set_default)),
            (Operation.LIST, web.get("/v1/status", self.status)),
            # Without HEAD, which would be answered for ever and with nothing.
            (Operation.LIST, web.get("/v1/events", self.events, allow_head=False)),
            (Operation.MANAGE, web.post("/v1/stop", self.stop)),
            *self._rare_routes.table(),
        ]

    def _behind(self, ruled: Ruled) -> web.RouteDef:
        """The route, with a look at who asks before it."""
        operation, route = ruled
        if operation is Operation.TOKEN:
            return route  # `Access` permits and records by itself: the front asks it
        handler = self._permitted(operation, route.handler)
        kind = f"{route.method} {route.path}"
        handler = recorded(self._services.recorder, operation, kind, handler)
        return replace(route, handler=handler)

    async def token(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/token`."""
        wanted = wire.token_wanted(
            wire.parse_body(await request.read(), wire.TokenBody)
        )
        access, asker = self._services.access, request[ASKER]
        served = access.cached_token(asker, wanted)
        if served is None:
            served = await access.token(asker, wanted)
        headers, body = wire.token_answer(served, request.headers.get("Accept", ""))
        return web.Response(body=body, headers=headers)

    async def accounts(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/accounts`; on a restricted socket, its own."""
        vault, restriction = self._services.vault, request[ASKER].socket.restriction
        await vault.read_through()
        if vault.state is VaultState.NONE:
            return json_reply({"accounts": [], "default": None, "leaving": []})
        opened = vault.require_open()
        grants = opened.grants
        if restriction is not None:
            own = [grants.find(name) for name in restriction.accounts]
            replies = [
                wire.account_elsewhere(as_shown(grants, each), restriction.scopes)
                for each in own
                if each is not None
            ]
            return json_reply({"accounts": replies, "default": None, "leaving": []})
        default = grants.default
        replies = [
            wire.account_reply(
                as_shown(grants, grant), is_default=grant.account.name == default
            )
            for grant in grants.all()
        ]
        leaver = opened.leaver.made
        listed = () if leaver is None else leaver.listed()
        leaving = [wire.leaving_reply(each) for each in listed]
        answer = {"accounts": replies, "default": default, "leaving": leaving}
        return json_reply(answer)

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/accounts/NAME?local_only=&keep_sign_in=&require_revoked=`."""
        name = parse_account_name(request.match_info["name"])
        options = wire.log_out_options(request.query)
        logins = self._services.rare.logins.made
        if logins is not None:
            await logins.end(name)
        done = await self._services.rare.accounts.get().log_out(name, options)
        await self._services.rare.consents.get().signed_out(name)
        return json_reply(wire.log_out_reply(done))

    async def set_default(self, request: web.Request) -> web.StreamResponse:
        """`PUT /v1/default`."""
        body = wire.parse_body(await request.read(), wire.DefaultBody)
        name = None if body.account is None else parse_account_name(body.account)
        await self._services.rare.accounts.get().set_default(name)
        return json_reply({"default": name})

    async def status(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/status`."""
        await self._services.vault.read_through()
        return json_reply(self._status())

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/events`: until the peer leaves or the daemon ends."""
        if request.query:
            # A filter that we do not know would be ignored without a word.
            raise BadRequestError(what="this path takes no query")
        vault, events = self._services.vault, self._services.events
        vault.require_serving()
        await vault.read_through()
        at = self._services.clock.now().wall
        with events.subscribe() as subscription:
            first = [*standing_events(vault, at), *self._asked(at)]
            return await stream_events(request, first, subscription)

    def _asked(self, at: UnixTime) -> list[Event]:
        """The questions that are open, for a listener that was not there."""
        consents = self._services.rare.consents.made
        return [] if consents is None else [each.event(at) for each in consents.open]

    async def stop(self, _: web.Request) -> web.StreamResponse:
        """`POST /v1/stop`."""
        self._services.stop()
        return json_reply({}, status=202)

    def _permitted(self, operation: Operation, handler: Handler) -> Handler:
        async def permitted(request: web.Request) -> web.StreamResponse:
            self._services.access.permit(request[ASKER], operation)
            return await handler(request)

        return permitted

    def _status(self) -> dict[str, object]:
        services, vault = self._services, self._services.vault
        facts, opened = services.facts, vault.opened
        logins = services.rare.logins.made
        return {
            "version": facts.version,
            "pid": facts.pid,
            "started_at": facts.started_at,
            "socket": facts.socket,
            "config": facts.config,
            "store": vault.state.value,
            "locked_because": vault.locked_because,
            "key_source": _key_source(vault.slots),
            "slots": [slot_reply(slot) for slot in vault.slots],
            **health_reply(vault.health),
            "degraded": degraded_reply(vault.degraded),
            "accounts": None if opened is None else len(opened.grants.all()),
            "logins": 0 if logins is None else logins.under_way,
            "questions": len(self._asked(facts.started_at)),
            **_issuers_reply(None if opened is None else opened.tokens.health),
            "memory": {"pss_kib": proportional_set_kib()},
        }


async def _nothing_else(request: web.Request) -> web.StreamResponse:
    name = request[ASKER].socket.name
    raise NotPermittedError(what=f"{name!r} is not for that")


def _issuers_reply(health: Health | None) -> dict[str, object]:
    if health is None:
        return {"issuers": [], "clock": []}
    outages = [*health.outages(), *health.rejected_clients()]
    return {
        "issuers": [wire.issuer_reply(outage) for outage in outages],
        "clock": [wire.skew_reply(skew) for skew in health.skews()],
    }


def _key_source(slots: Sequence[Slot]) -> str | None:
    """The source that opened the store, or else the first that may."""
    in_use = [slot.source for slot in slots if slot.is_in_use]
    return next(iter([*in_use, *(slot.source for slot in slots)]), None)
