"""The routes of /v1/logins. Knows no sockets, as the other routes."""

from broker.ipc import login_wire, web
from broker.ipc.handling import ASKER
from broker.ipc.problems import problem
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.errors import NotPermittedError, UnknownLoginError
from broker.model.secret import Secret
from broker.services.login import Login
from broker.services.logins import LoginService


class LoginRoutes:
    """The handler of every route of a login; `RareRoutes` has their table."""

    def __init__(self, logins: LoginService) -> None:
        self._logins = logins

    async def list(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/logins`: those under way; on a restricted socket, its own."""
        door = request[ASKER].socket
        if door.restriction is None:
            return json_reply(login_wire.logins_reply(self._logins.all()))
        own = [
            one for one in self._logins.all() if door.restriction in one.watched_from
        ]
        return json_reply(login_wire.logins_elsewhere(own))

    async def start(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/logins`."""
        body = parse_body(await request.read(), login_wire.LoginBody)
        restriction = request[ASKER].socket.restriction
        if restriction is None:
            started = await self._logins.start(
                login_wire.sign_in_request(body), login_wire.login_options(body)
            )
            reply = login_wire.login_begun(started)
        else:
            account = login_wire.restricted_account(body, restriction)
            started = await self._logins.start_through(account, restriction)
            reply = login_wire.begun_elsewhere(started)
        is_gone = request.transport is None or request.transport.is_closing()
        if is_gone and not started.joined:
            # Nobody has learned of it, so nobody could end it.
            self._logins.cancel(started.login)
        return json_reply(reply, status=201)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/logins/ID?wait=SECONDS`."""
        seconds = login_wire.parse_wait(request.query)
        login = self._found(request)
        if seconds:
            await self._logins.wait(login, seconds)
        return _reply(login, request)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/logins/ID/response`; whoever has the browser answers, nobody else.

        What came through a restricted socket may have been written there.
        """
        if request[ASKER].socket.restriction is not None:
            raise NotPermittedError(what="an answer to a sign-in from here")
        body = parse_body(await request.read(), login_wire.ResponseBody)
        login = self._found(request)
        login.respond(Secret(body.pasted))
        return _reply(login, request)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /v1/logins/ID`; through a restricted socket only what it began."""
        login, door = self._found(request), request[ASKER].socket
        if door.restriction is not None and login.begun_through != door.restriction:
            raise NotPermittedError(what="ending a sign-in that was begun elsewhere")
        self._logins.cancel(login)
        return web.Response(status=204)

    def _found(self, request: web.Request) -> Login:
        login = self._logins.find(request.match_info["id"])
        door = request[ASKER].socket
        if door.restriction is not None and door.restriction not in login.watched_from:
            raise UnknownLoginError(login=login.login_id)
        return login


def _reply(login: Login, request: web.Request) -> web.StreamResponse:
    error, restriction = login.error, request[ASKER].socket.restriction
    reply = (
        login_wire.login_reply(login)
        if restriction is None
        else login_wire.login_elsewhere(login, restriction)
    )
    told = None if error is None else problem(error)
    return json_reply({**reply, "problem": told})
