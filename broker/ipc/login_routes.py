"""The routes of /v1/logins. Knows no sockets, as the other routes."""

from aiohttp import web

from broker.ipc import login_wire
from broker.ipc.problems import problem
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.secret import Secret
from broker.services.login import Login
from broker.services.logins import LoginService


class LoginRoutes:
    """The handler of every route of a login; `RareRoutes` has their table."""

    def __init__(self, logins: LoginService) -> None:
        self._logins = logins

    async def list(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/logins`: those under way."""
        return json_reply(login_wire.logins_reply(self._logins.all()))

    async def start(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/logins`."""
        body = parse_body(await request.read(), login_wire.LoginBody)
        started = await self._logins.start(
            login_wire.sign_in_request(body), login_wire.login_options(body)
        )
        is_gone = request.transport is None or request.transport.is_closing()
        if is_gone and not started.joined:
            # Nobody has learned of it, so nobody could end it.
            self._logins.cancel(started.login)
        return json_reply(login_wire.login_begun(started), status=201)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/logins/ID?wait=SECONDS`."""
        seconds = login_wire.parse_wait(request.query)
        login = self._found(request)
        if seconds:
            await self._logins.wait(login, seconds)
        return _reply(login)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/logins/ID/response`."""
        body = parse_body(await request.read(), login_wire.ResponseBody)
        login = self._found(request)
        login.respond(Secret(body.pasted))
        return _reply(login)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/logins/ID`."""
        self._logins.cancel(self._found(request))
        return web.Response(status=204)

    def _found(self, request: web.Request) -> Login:
        return self._logins.find(request.match_info["id"])


def _reply(login: Login) -> web.StreamResponse:
    error = login.error
    return json_reply(
        {
            **login_wire.login_reply(login),
            "problem": None if error is None else problem(error),
        }
    )
