"""The one hardened site on loopback TCP. Knows no logins.

Any program of any user of the machine, and any web page, can send requests here.
What is not the plain request of a browser that was sent here gets a static page.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

import msgspec
from aiohttp import web

from broker.model.time import Seconds
from broker.model.veiled import Veiled
from broker.net.connection import Connection
from broker.net.loopback_sockets import BACKLOG
from broker.net.pages import STRAY, Page
from broker.net.strays import authorities_of, fault_of

log = logging.getLogger(__name__)

IDLE = Seconds(2)
"""Within it a request must be whole. Browsers open connections to spare."""

Address = tuple[str, int]

_GRACE = Seconds(1)
"""For an answer that is just being written when the site stops."""


class Target(Veiled, frozen=True, kw_only=True):
    """What a browser asked for: both halves of the request target, as sent.

    Attributes:
        path: before the '?'.
        query: after it, or None where there is none.
        form: the body of a form that was sent there, or None.
    """

    veiled = frozenset({"query", "form"})

    path: str
    query: str | None = None
    form: str | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A page, or a step to another path of this site.

    Attributes:
        page: the body.
        status: of the answer.
        location: for a redirect; a path of ours, never a part of a request.
    """

    page: Page
    status: HTTPStatus = HTTPStatus.OK
    location: str | None = None


class LoopbackSite:
    """Asks `answer` for a reply to every request that is not refused.

    Args:
        sockets: of `loopback_sockets`, all on one port; the site closes them.
        host: of the site's URL, without brackets.
        answer: must not raise.
        idle: seconds until a request must be whole.
        form_path: the one path to which a form may be sent, or None.
        is_own_form: whether that is a form of a page of this very site.
        is_own: given the other end and this one, whether whoever connects is one for
            whom `form_path` is; all are, where nothing is said.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        host: str,
        answer: Callable[[Target], Awaitable[Reply]],
        idle: Seconds = IDLE,
        form_path: str | None = None,
        is_own_form: bool = False,
        is_own: Callable[[Address, Address], bool] | None = None,
    ) -> None:
        self._sockets = tuple(sockets)
        port = int(self._sockets[0].getsockname()[1])
        shown = f"[{host}]" if ":" in host else host
        self.origin = f"http://{shown}:{port}"
        """Such as 'http://127.0.0.1:43211'."""
        self._authorities = authorities_of(shown, port)
        self._answer = answer
        self._idle = idle
        self._form_path = form_path
        self._is_own_form = is_own_form
        self._is_own = is_own
        self._http = web.Server(self._handle)
        self._listening: list[asyncio.Server] = []

    async def start(self) -> None:
        """Begin to accept connections."""
        loop = asyncio.get_running_loop()
        for accepting in self._sockets:
            server = await loop.create_server(
                self._connection, sock=accepting, backlog=BACKLOG
            )
            self._listening.append(server)

    async def stop(self) -> None:
        """Free the port; whoever is just being answered has a second to read it."""
        for server in self._listening:
            server.close()
        for accepting in self._sockets:
            accepting.close()
        # Connections without a request go at once: browsers keep some to spare.
        self._http.pre_shutdown()
        await self._http.shutdown(_GRACE)
        # Until the event loop has really let go of the port; a connection that
        # does not close is not waited for.
        waiting = [asyncio.ensure_future(s.wait_closed()) for s in self._listening]
        _, late = await asyncio.wait(waiting, timeout=_GRACE)
        for task in late:
            task.cancel()

    def _connection(self) -> Connection:
        return Connection(self._http, refuse=_refusal, idle=self._idle)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = fault_of(
            request,
            self._authorities,
            form_path=self._form_path,
            is_own_form=self._is_own_form,
        )
        if fault is None and not self._is_for(request):
            fault = HTTPStatus.FORBIDDEN
        if fault is not None:
            log.info("loopback.request.refused status=%d", fault)
            return _refusal(fault)
        try:
            target = await self._target(request)
        except TimeoutError:
            log.info("loopback.request.slow")
            return _refusal(HTTPStatus.REQUEST_TIMEOUT)
        return _response(await self._answer(target))

    def _is_for(self, request: web.BaseRequest) -> bool:
        # Elsewhere there is nothing, and whoever comes costs no look at all sockets.
        if self._is_own is None or request.raw_path != self._form_path:
            return True
        transport = request.transport
        if transport is None:
            return False
        peer = transport.get_extra_info("peername")
        return self._is_own(peer, transport.get_extra_info("sockname"))

    async def _target(self, request: web.BaseRequest) -> Target:
        path, mark, query = request.raw_path.partition("?")
        if request.method != "POST":
            return Target(path=path, query=query if mark else None)
        async with asyncio.timeout(self._idle):
            form = await request.read()
        return Target(path=path, form=form.decode("utf-8", "replace"))


_HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "brokerd",
    "X-Content-Type-Options": "nosniff",
}


def _response(reply: Reply) -> web.Response:
    return _page_response(reply.page, reply.status, reply.location)


def _refusal(status: int) -> web.Response:
    return _page_response(STRAY, status, None)


def _page_response(page: Page, status: int, location: str | None) -> web.Response:
    headers = {
        **_HEADERS,
        "Content-Security-Policy": page.security_policy,
        "Referrer-Policy": page.referrer_policy,
    }
    if location is not None:
        headers["Location"] = location
    response = web.Response(status=status, body=page.body, headers=headers)
    response.force_close()  # one request a connection: nothing to pipeline
    return response
