"""The sockets that peers reach, and the HTTP server behind them.

Knows no routes by name: it says who asks, bounds what a peer may send, and turns
every error into a problem document.
"""

import asyncio
import logging
import socket
from collections.abc import MutableMapping

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from broker.host import peer_of
from broker.ipc.problems import headers_of, plain_problem, problem
from broker.ipc.routes import ASKER, Routes
from broker.model.errors import BadRequestError, BrokerError
from broker.model.peer import Socket
from broker.services.access import Asker

log = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024
"""Bytes of a request's body; a client_secret.json has two thousand."""

KEEPALIVE_SECONDS = 30
"""An idle connection, a half request line and a half header end after this."""

BODY_SECONDS = 10
"""A half body ends after this: aiohttp's own time-out does not look at it."""


class _QuietLog(logging.LoggerAdapter[logging.Logger]):
    """aiohttp's server log quotes what peers sent, secrets too: none of it passes."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, object]
    ) -> tuple[str, MutableMapping[str, object]]:
        del msg
        return f"peer.request.malformed error={_kind(kwargs.get('exc_info'))}", {}


def _kind(exc_info: object) -> str:
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    return type(error).__name__ if isinstance(error, Exception) else "unknown"


class PeerServer:
    """Serves one or more sockets until it is closed."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._runners: list[web.AppRunner] = []

    async def serve(self, bound: socket.socket, door: Socket, backlog: int) -> None:
        """Begin to answer on `bound`, which listens or is bound already.

        Args:
            bound: a Unix stream socket.
            door: what this socket is; its peers are asked about with it.
            backlog: connections that may wait; a herd needs thousands.
        """
        app = web.Application(
            middlewares=[_problems, _asker_of(door)], client_max_size=LARGEST_BODY
        )
        app.add_routes(self._routes.table())
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_QuietLog(log),
            keepalive_timeout=KEEPALIVE_SECONDS,
            handle_signals=False,
        )
        await runner.setup()
        await web.SockSite(runner, bound, backlog=backlog).start()
        self._runners.append(runner)

    async def close(self) -> None:
        """Stop listening, let requests under way end, and close every connection."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners = []


def _asker_of(door: Socket) -> Middleware:
    @web.middleware
    async def asker(request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        connection = transport.get_extra_info("socket") if transport else None
        if connection is None:
            raise asyncio.CancelledError  # it hung up; there is nobody to answer
        request[ASKER] = Asker(socket=door, peer=peer_of(connection))
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await request.read()
        except TimeoutError:
            what = f"its body did not arrive in {BODY_SECONDS} seconds"
            raise BadRequestError(what=what) from None
        return await handler(request)

    return asker


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BrokerError as exc:
        return _answer(problem(exc), headers_of(exc))
    except web.HTTPException as exc:
        code = _FOREIGN.get(exc.status, "bad_request")
        if code == "bad_request":
            return _answer(problem(BadRequestError(what=exc.reason)))
        return _answer(plain_problem(code))
    except Exception:
        log.exception("request.failed path=%s", request.match_info.route.name)
        return _answer(plain_problem("internal_error"))


_FOREIGN = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def _answer(
    document: dict[str, object], headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(document),
        status=int(str(document["status"])),
        headers=headers,
        content_type="application/problem+json",
    )
