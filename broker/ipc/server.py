"""The sockets that peers reach, and the HTTP server behind them.

Knows no routes by name: it says who asks, bounds what a peer may send, and turns
every error into a problem document.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from broker.host import peer_of
from broker.ipc.connection import Begun, PeerConnection
from broker.ipc.front import Front
from broker.ipc.handling import ASKER
from broker.ipc.problems import headers_of, plain_problem, problem
from broker.ipc.routes import Routes
from broker.ipc.wire import PROBLEM
from broker.model.errors import BadRequestError, BrokerError
from broker.model.peer import Socket
from broker.services.access import Access
from broker.services.gate import Asker

log = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024
"""Bytes of a request's body; a client_secret.json has two thousand."""

LARGEST_RESTORE = 64 * 1024 * 1024
"""Bytes of the body of a restore: a backup of ten thousand accounts has thirty."""

LARGER_BODIES = {"/v1/restore": LARGEST_RESTORE}

BODY_SECONDS = 10
"""A half body ends after this: aiohttp's own time-out does not look at it."""

STOP_SECONDS = 20
"""For requests under way when the server closes; service managers wait longer."""


AT_ONCE = 0.001
"""Seconds that aiohttp waits before it cancels a handler; it takes 0 for ever."""


class _Served:
    """One socket, and what answers behind it."""

    def __init__(
        self,
        runner: web.AppRunner,
        listening: asyncio.Server | None,
        front: Front | None,
    ) -> None:
        self.runner = runner
        self._listening = listening
        self.front = front

    def listen_no_more(self) -> None:
        if self._listening is not None:
            self._listening.close()

    async def end_front(self) -> None:
        if self.front is not None:
            await self.front.close()

    async def cut_off(self) -> None:
        """End every connection now, and whatever is under way on it."""
        if self.runner.server is not None:
            await self.runner.server.shutdown(AT_ONCE)

    async def clean_up(self) -> None:
        await self.runner.cleanup()


class PeerServer:
    """Serves one or more sockets until it is closed.

    Args:
        routes: what there is to ask.
        front: asked for a cached token before there is any HTTP server; None leaves
            every request to that.
    """

    def __init__(self, routes: Routes, *, front: Access | None) -> None:
        self._routes = routes
        self._access = front
        self._served: dict[str, list[_Served]] = {}

    async def serve(self, bound: socket.socket, door: Socket, backlog: int) -> None:
        """Begin to answer on `bound`, which listens or is bound already.

        Args:
            bound: a Unix stream socket.
            door: what this socket is; its peers are asked about with it.
            backlog: connections that may wait; a herd needs thousands.
        """
        app = web.Application(
            middlewares=[_asker_of(door)], client_max_size=LARGEST_BODY
        )
        app.add_routes(self._routes.table(door))
        # Half of it, since aiohttp waits twice: for the answer, then for its end.
        runner = web.AppRunner(
            app, handle_signals=False, shutdown_timeout=STOP_SECONDS / 2
        )
        await runner.setup()
        http = runner.server
        assert http is not None  # noqa: S101 - set up just now; for mypy
        # Around the whole application and not a middleware of it: what aiohttp
        # refuses before it looks for the route is to be told as a problem, too.
        http.request_handler = _answering(http.request_handler)

        def connection(begun: Begun | None = None) -> PeerConnection:
            return PeerConnection(http, refuse=_refusal, begun=begun)

        front, listening = None, None
        if self._access is not None:
            front = Front(self._access, door, connection)
            front.listen(bound, backlog)
        else:
            listening = await asyncio.get_running_loop().create_server(
                connection, sock=bound, backlog=backlog
            )
        served = _Served(runner, listening, front)
        self._served.setdefault(door.name, []).append(served)

    async def cut_off(self, door: str) -> None:
        """End a door now: nobody comes in, and who is in gets no answer any more."""
        for served in self._served.pop(door, ()):
            served.listen_no_more()
            await served.end_front()
            await served.cut_off()
            await served.clean_up()

    async def close(self) -> None:
        """Stop listening, let requests under way end, and close every connection.

        Takes `STOP_SECONDS` at most. A request that has not wholly arrived gets no
        answer.
        """
        every = [one for many in self._served.values() for one in many]
        self._served = {}
        for served in every:
            served.listen_no_more()
        for served in every:
            await served.end_front()
        await asyncio.gather(*(served.clean_up() for served in every))


def _asker_of(door: Socket) -> Middleware:
    @web.middleware
    async def asker(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        connection = transport.get_extra_info("socket") if transport else None
        if connection is None:
            raise asyncio.CancelledError  # it hung up; there is nobody to answer
        largest = LARGER_BODIES.get(request.path)
        if largest is not None:
            request = request.clone(client_max_size=largest)
        request[ASKER] = Asker(
            socket=door, peer=peer_of(connection), connected=connection
        )
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await request.read()
        except TimeoutError:
            what = f"its body did not arrive in {BODY_SECONDS} seconds"
            raise BadRequestError(what=what) from None
        except web.RequestPayloadError:
            raise BadRequestError(what="its body is not HTTP") from None
        except ConnectionError:
            raise asyncio.CancelledError from None  # as above
        return await handler(request)

    return asker


_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def _answering(handler: _Handler) -> _Handler:
    """`handler`, with a problem document for every error."""

    async def answering(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except BrokerError as exc:
            return _answer(problem(exc), headers_of(exc))
        except web.HTTPException as exc:
            return _foreign(exc)
        except Exception:
            log.exception("request.failed path=%s", _path_of(request))
            return _refusal(500)

    return answering


def _path_of(request: web.BaseRequest) -> str:
    """The pattern of its route: a path itself may name an account, a query anything."""
    route = request.match_info.route if isinstance(request, web.Request) else None
    return route.resource.canonical if route and route.resource else "-"


_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def _foreign(exc: web.HTTPException) -> web.Response:
    """What aiohttp refused; its own text may quote the request."""
    if exc.status not in _CODES:
        return _answer(problem(BadRequestError(what=exc.reason)))
    headers = {name: exc.headers[name] for name in ("Allow",) if name in exc.headers}
    return _answer(plain_problem(_CODES[exc.status]), headers)


def _refusal(status: int) -> web.Response:
    """Where there was no request, or a mistake of ours in place of an answer."""
    if status == HTTPStatus.BAD_REQUEST:
        return _answer(problem(BadRequestError(what="it is not HTTP")))
    return _answer(plain_problem("internal_error"))


def _answer(
    document: dict[str, object], headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(document),
        status=int(str(document["status"])),
        headers=headers,
        content_type=PROBLEM,
    )
