"""The routes of /v1: each asks a service and answers in JSON.

Knows no sockets: who asks is in the request when it gets here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from broker.ipc import wire
from broker.ipc.problems import problem
from broker.model.account import parse_account_name
from broker.model.policy import Operation
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.services.access import Access, Asker, TokenServed
from broker.services.accounts import Accounts
from broker.services.events import Events
from broker.services.logins import LoginService
from broker.services.vault import Vault, VaultState

ASKER = web.RequestKey("asker", Asker)
JSON = "application/json"
PLAIN_TEXT = "text/plain"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """What does not change while the daemon runs.

    Attributes:
        version: of the distribution.
        pid: of the process.
        started_at: when it started.
        socket: path of the admin socket.
    """

    version: str
    pid: int
    started_at: UnixTime
    socket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes ask.

    Attributes:
        stop: asks the daemon to end; returns at once.
    """

    facts: DaemonFacts
    vault: Vault
    access: Access
    logins: LoginService
    accounts: Accounts
    events: Events
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
            web.post("/v1/logins", self._permitted(manage, self.start_login)),
            web.get("/v1/logins/{id}", self._permitted(manage, self.show_login)),
            web.delete("/v1/logins/{id}", self._permitted(manage, self.cancel_login)),
            web.get("/v1/accounts", self._permitted(Operation.LIST, self.accounts)),
            web.delete("/v1/accounts/{name}", self._permitted(manage, self.log_out)),
            web.put("/v1/default", self._permitted(manage, self.set_default)),
            web.get("/v1/status", self._permitted(Operation.LIST, self.status)),
            web.post("/v1/store", self._permitted(manage, self.make_store)),
            web.post("/v1/unlock", self._permitted(manage, self.unlock)),
            web.post("/v1/stop", self._permitted(manage, self.stop)),
        ]

    async def token(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/token`."""
        wanted = wire.token_wanted(
            wire.parse_body(await request.read(), wire.TokenBody)
        )
        access, asker = self._services.access, request[ASKER]
        served = access.cached_token(asker, wanted)
        if served is None:
            served = await access.token(asker, wanted)
        return _token_response(request, served)

    async def start_login(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/logins`."""
        body = wire.parse_body(await request.read(), wire.LoginBody)
        login = await self._services.logins.start(
            wire.sign_in_request(body), wire.login_options(body)
        )
        if request.transport is None or request.transport.is_closing():
            # Nobody has learned of it, so nobody could end it.
            self._services.logins.cancel(login)
        return _json(wire.login_begun(login), status=201)

    async def show_login(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/logins/ID?wait=SECONDS`."""
        seconds = wire.parse_wait(request.query)
        logins = self._services.logins
        login = logins.find(request.match_info["id"])
        if seconds:
            await logins.wait(login, seconds)
        error = login.error
        return _json(
            {
                **wire.login_reply(login),
                "problem": None if error is None else problem(error),
            }
        )

    async def cancel_login(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/logins/ID`."""
        logins = self._services.logins
        logins.cancel(logins.find(request.match_info["id"]))
        return web.Response(status=204)

    async def accounts(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/accounts`."""
        vault = self._services.vault
        if vault.state is VaultState.NONE:
            return _json({"accounts": [], "default": None})
        grants = vault.require_open().grants
        default = grants.default
        replies = [
            wire.account_reply(grant, is_default=grant.account.name == default)
            for grant in grants.all()
        ]
        return _json({"accounts": replies, "default": default})

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/accounts/NAME?local_only=&keep_sign_in=`."""
        name = parse_account_name(request.match_info["name"])
        flags = wire.parse_flags(request.query, "local_only", "keep_sign_in")
        await self._services.logins.end(name)
        done = await self._services.accounts.log_out(name, **flags)
        return _json(wire.log_out_reply(done))

    async def set_default(self, request: web.Request) -> web.StreamResponse:
        """`PUT /v1/default`."""
        body = wire.parse_body(await request.read(), wire.DefaultBody)
        name = None if body.account is None else parse_account_name(body.account)
        await self._services.accounts.set_default(name)
        return _json({"default": name})

    async def status(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/status`."""
        return _json(self._status())

    async def make_store(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/store`."""
        body = wire.parse_body(await request.read(), wire.StoreBody)
        passphrase = None if body.passphrase is None else Secret(body.passphrase)
        await self._services.vault.create(body.key, passphrase)
        return _json(self._status(), status=201)

    async def unlock(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/unlock`."""
        body = wire.parse_body(await request.read(), wire.UnlockBody)
        passphrase = None if body.passphrase is None else Secret(body.passphrase)
        await self._services.vault.unlock(passphrase)
        return _json(self._status())

    async def stop(self, _: web.Request) -> web.StreamResponse:
        """`POST /v1/stop`."""
        self._services.stop()
        return _json({}, status=202)

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
            "store": vault.state.value,
            "locked_because": vault.locked_because,
            "key_source": vault.key_source,
            "accounts": None if opened is None else len(opened.grants.all()),
            "logins": services.logins.under_way,
        }


def _token_response(request: web.Request, served: TokenServed) -> web.Response:
    if request.headers.get("Accept", "").startswith(PLAIN_TEXT):
        return web.Response(text=served.token.value.reveal(), content_type=PLAIN_TEXT)
    return web.Response(body=wire.token_reply(served), content_type=JSON)


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type=JSON
    )
