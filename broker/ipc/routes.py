"""The routes of /v1: each asks a service and answers in JSON.

Knows no sockets: who asks is in the request when it gets here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from broker.host import proportional_set_kib
from broker.ipc import proof_wire, store_wire, wire
from broker.ipc.doctor_wire import doctor_reply
from broker.ipc.issuer_wire import issuers_reply
from broker.ipc.login_routes import LoginRoutes
from broker.ipc.replies import json_reply
from broker.ipc.store_routes import StoreRoutes
from broker.ipc.stream import stream_events
from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError
from broker.model.issuer import IssuerPreset
from broker.model.policy import Operation
from broker.model.store import Slot, VaultState
from broker.model.time import UnixTime
from broker.services.access import Access, Asker
from broker.services.accounts import Accounts
from broker.services.doctor import Doctor
from broker.services.events import Events
from broker.services.interfaces import Clock
from broker.services.logins import LoginService
from broker.services.proofs import Proofs
from broker.services.standing import standing_events
from broker.services.store_interfaces import StoreKeys
from broker.services.store_making import StoreMaker
from broker.services.vault import Vault

ASKER = web.RequestKey("asker", Asker)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes ask.

    Attributes:
        stop: asks the daemon to end; returns at once.
    """

    facts: DaemonFacts
    vault: Vault
    maker: StoreMaker
    keys: StoreKeys
    access: Access
    proofs: Proofs
    logins: LoginService
    accounts: Accounts
    events: Events
    presets: Mapping[str, IssuerPreset]
    clock: Clock
    doctor: Doctor
    stop: Callable[[], None] = field(repr=False)


class Routes:
    """Every route of /v1, as a table."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def table(self) -> list[web.RouteDef]:
        """For an aiohttp application."""
        manage = Operation.MANAGE
        return [
            # Decides for itself: its path for a cached token asks only once.
            web.post("/v1/token", self.token),
            web.post("/v1/dpop-proof", self.dpop_proof),
            *LoginRoutes(self._services.logins).table(partial(self._permitted, manage)),
            web.get("/v1/accounts", self._permitted(Operation.LIST, self.accounts)),
            web.delete("/v1/accounts/{name}", self._permitted(manage, self.log_out)),
            web.put("/v1/default", self._permitted(manage, self.set_default)),
            web.get("/v1/issuers", self._permitted(Operation.LIST, self.issuers)),
            web.get("/v1/status", self._permitted(Operation.LIST, self.status)),
            # Without HEAD, which would be answered for ever and with nothing.
            web.get(
                "/v1/events",
                self._permitted(Operation.LIST, self.events),
                allow_head=False,
            ),
            web.get("/v1/doctor", self._permitted(manage, self.doctor)),
            web.post("/v1/stop", self._permitted(manage, self.stop)),
            *self._store_routes().table(partial(self._permitted, manage)),
        ]

    def _store_routes(self) -> StoreRoutes:
        services = self._services
        return StoreRoutes(
            vault=services.vault,
            maker=services.maker,
            keys=services.keys,
            status=self._status,
        )

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

    async def dpop_proof(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/dpop-proof`. Decides for itself, as for a token."""
        body = wire.parse_body(await request.read(), proof_wire.ProofBody)
        wanted = proof_wire.proof_wanted(body)
        served = self._services.proofs.proof(request[ASKER], wanted)
        return json_reply(proof_wire.proof_reply(served))

    async def accounts(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/accounts`."""
        vault = self._services.vault
        if vault.state is VaultState.NONE:
            return json_reply({"accounts": [], "default": None, "leaving": []})
        opened = vault.require_open()
        grants = opened.grants
        default = grants.default
        replies = [
            wire.account_reply(grant, is_default=grant.account.name == default)
            for grant in grants.all()
        ]
        leaving = [wire.leaving_reply(each) for each in opened.leaver.listed()]
        answer = {"accounts": replies, "default": default, "leaving": leaving}
        return json_reply(answer)

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/accounts/NAME?local_only=&keep_sign_in=&require_revoked=`."""
        name = parse_account_name(request.match_info["name"])
        options = wire.log_out_options(request.query)
        await self._services.logins.end(name)
        done = await self._services.accounts.log_out(name, options)
        return json_reply(wire.log_out_reply(done))

    async def set_default(self, request: web.Request) -> web.StreamResponse:
        """`PUT /v1/default`."""
        body = wire.parse_body(await request.read(), wire.DefaultBody)
        name = None if body.account is None else parse_account_name(body.account)
        await self._services.accounts.set_default(name)
        return json_reply({"default": name})

    async def issuers(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/issuers`."""
        return json_reply(issuers_reply(self._services.presets))

    async def status(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/status`."""
        return json_reply(self._status())

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/events`: until the peer leaves or the daemon ends."""
        if request.query:
            # A filter that we do not know would be ignored without a word.
            raise BadRequestError(what="this path takes no query")
        vault, events = self._services.vault, self._services.events
        vault.require_serving()
        with events.subscribe() as subscription:
            first = standing_events(vault, self._services.clock.now().wall)
            return await stream_events(request, first, subscription)

    async def doctor(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/doctor`."""
        return json_reply(doctor_reply(await self._services.doctor.examine()))

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
        return {
            "version": facts.version,
            "pid": facts.pid,
            "started_at": facts.started_at,
            "socket": facts.socket,
            "config": facts.config,
            "store": vault.state.value,
            "locked_because": vault.locked_because,
            "key_source": _key_source(vault.slots),
            "slots": [store_wire.slot_reply(slot) for slot in vault.slots],
            **store_wire.health_reply(vault.health),
            "degraded": store_wire.degraded_reply(vault.degraded),
            "accounts": None if opened is None else len(opened.grants.all()),
            "logins": services.logins.under_way,
            "issuers": [
                {**wire.outage_reply(outage), "state": "down"}
                for outage in (opened.tokens.outages() if opened else ())
            ],
            "clock": [
                wire.skew_reply(skew)
                for skew in (opened.tokens.skews() if opened else ())
            ],
            "memory": {"pss_kib": proportional_set_kib()},
        }


def _key_source(slots: Sequence[Slot]) -> str | None:
    """The source that opened the store, or else the first that may."""
    in_use = [slot.source for slot in slots if slot.is_in_use]
    return next(iter([*in_use, *(slot.source for slot in slots)]), None)
