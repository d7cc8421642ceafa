"""The sockets that peers reach, and the HTTP server behind them.

Knows no routes by name: it says who asks, bounds what a peer may send, and turns
every error into a problem document.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from aiohttp.http_writer import HttpVersion11

from broker.host import peer_of
from broker.ipc import web
from broker.ipc.connection import Begun, PeerConnection
from broker.ipc.front import Front
from broker.ipc.handling import ASKER, Handler
from broker.ipc.problems import headers_of, plain_problem, problem
from broker.ipc.router import ROUTE, Router
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

LARGEST_RESTRICTED_BODY = 32 * 1024
"""Bytes of a body on a restricted socket: a token is asked for with a hundred. It is
read before anybody looks whether there is such a path: with a restore on each of its
connections, whoever is behind it could take all the memory of the machine."""

LARGER_BODIES = {"/v1/restore": LARGEST_RESTORE}

BODY_SECONDS = 10
"""A half body ends after this: aiohttp's own time-out does not look at it."""

MOST_CONNECTIONS = 256
"""To one restricted socket at once: whoever is behind it must not take all the files
that may be open, and the other sockets with them."""

STOP_SECONDS = 20
"""For requests under way when the server closes; service managers wait longer."""


AT_ONCE = 0.001
"""Seconds that aiohttp waits before it cancels a handler; it takes 0 for ever."""


class _Served:
    """One socket, and what answers behind it."""

    def __init__(
        self,
        http: web.Server,
        listening: asyncio.Server | None,
        front: Front | None,
    ) -> None:
        self.http = http
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
        await self.http.shutdown(AT_ONCE)

    async def clean_up(self) -> None:
        """Let requests under way end, and close every connection."""
        await asyncio.sleep(0)  # what has just arrived is begun first
        self.http.pre_shutdown()
        # Half of it, since aiohttp waits twice: for the answer, then for its end.
        await self.http.shutdown(STOP_SECONDS / 2)


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
        answer = _answering(_routed(self._routes.router(door), door))
        http = web.server(answer, largest_body=_largest_body(door))

        def connection(
            begun: Begun | None = None, ended: Callable[[], None] = lambda: None
        ) -> PeerConnection:
            return PeerConnection(http, refuse=_refusal, begun=begun, ended=ended)

        front, listening = None, None
        if self._access is not None:
            most = None if door.restriction is None else MOST_CONNECTIONS
            front = Front(self._access, door, connection, most)
            front.listen(bound, backlog)
        else:
            listening = await asyncio.get_running_loop().create_server(
                connection, sock=bound, backlog=backlog
            )
        served = _Served(http, listening, front)
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


def _largest_body(door: Socket) -> Callable[[str], int]:
    """How many bytes a body may have, by the path."""
    if door.restriction is not None:
        return lambda _: LARGEST_RESTRICTED_BODY
    return lambda path: LARGER_BODIES.get(path, LARGEST_BODY)


def _routed(router: Router, door: Socket) -> Handler:
    """The handler of any request that comes through `door`."""

    async def routed(request: web.Request) -> web.StreamResponse:
        handler = router.handler(request)
        await _meet_expectation(request)
        transport = request.transport
        connection = transport.get_extra_info("socket") if transport else None
        if connection is None:
            raise asyncio.CancelledError  # it hung up; there is nobody to answer
        protocol = request.protocol
        assert isinstance(protocol, PeerConnection)  # noqa: S101 - as served; for mypy
        request[ASKER] = Asker(
            socket=door,
            peer=peer_of(connection),
            connected=connection,
            awaited=protocol.awaited,
        )
        await _read_body(request)
        return await handler(request)

    return routed


async def _meet_expectation(request: web.Request) -> None:
    """Say that the body may come, to who waits for that (RFC 9110 section 10.1.1)."""
    wanted = request.headers.get("Expect")
    if wanted is None or request.version != HttpVersion11:
        return
    if wanted.lower() != "100-continue":
        raise BadRequestError(what="an expectation that is not known")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # By which aiohttp knows that the answer has not begun.
    request.writer.output_size = 0


async def _read_body(request: web.Request) -> None:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await request.read()
    except TimeoutError:
        what = f"its body did not arrive in {BODY_SECONDS} seconds"
        raise BadRequestError(what=what) from None
    except web.RequestPayloadError:
        raise BadRequestError(what="its body is not HTTP") from None
    except ConnectionError:
        raise asyncio.CancelledError from None  # it hung up


def _answering(handler: Handler) -> Handler:
    """`handler`, with a problem document for every error."""

    async def answering(request: web.Request) -> web.StreamResponse:
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


def _path_of(request: web.Request) -> str:
    """The pattern of its route: a path itself may name an account, a query anything."""
    return request[ROUTE].path if ROUTE in request else "-"


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
