"""Stands in front of the HTTP server and answers what programs ask all day.

That is `POST /v1/token` for a token at hand, where the whole request came in one read:
half the time that it takes through aiohttp. Any other connection goes on to aiohttp,
with the bytes that were read, and stays there. Nothing is decided here: the token comes
through `Access`, and the words are those of `wire`, as for every route.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from broker.host import peer_of
from broker.ipc import wire
from broker.ipc.connection import KEEPALIVE_SECONDS
from broker.ipc.problems import headers_of, problem
from broker.model.errors import BrokerError
from broker.model.peer import Socket
from broker.services.access import Access, Asker

_REQUEST_LINE = b"POST /v1/token HTTP/1.1\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(r"[1-9][0-9]{0,5}")

_UNDERSTOOD = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    }
)
"""A request with any other header goes on: it may change what the rest means."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A whole `POST /v1/token`, and nothing after it.

    Attributes:
        accept: the header's value, or ''.
        close: whether the peer wants no other answer on this connection.
        body: as it came.
    """

    accept: str
    close: bool
    body: bytes


def parse_token_request(data: bytes) -> TokenRequest | None:
    """The request, if `data` is one without anything unusual; else None.

    None says nothing about the request: it may be good, bad or half of one.
    """
    if not data.startswith(_REQUEST_LINE):
        return None
    end = data.find(_END_OF_HEAD)
    headers = _parse_headers(data[len(_REQUEST_LINE) : end]) if end > 0 else None
    if headers is None or "host" not in headers:
        return None
    body = data[end + len(_END_OF_HEAD) :]
    length = headers.get("content-length", "")
    connection = headers.get("connection", "keep-alive").lower()
    if not _LENGTH.fullmatch(length) or int(length) != len(body):
        return None
    if connection not in ("close", "keep-alive"):
        return None
    return TokenRequest(headers.get("accept", ""), connection == "close", body)


def _parse_headers(head: bytes) -> dict[str, str] | None:
    """By their names in lower case; None where one is unusual, or stands twice."""
    if not head.isascii():
        return None
    headers: dict[str, str] = {}
    for line in head.decode("ascii").split("\r\n"):
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name not in _UNDERSTOOD or name in headers:
            return None
        if not value.isprintable():  # a control character, a line end alone too
            return None
        headers[name] = value.strip(" ")
    return headers


class Front:
    """Meets the connections of one socket.

    Args:
        access: the way in.
        door: which socket this is.
        behind: makes the HTTP server's protocol for a connection that goes on.
    """

    def __init__(
        self, access: Access, door: Socket, behind: Callable[[], asyncio.Protocol]
    ) -> None:
        self.access, self.door, self.behind = access, door, behind
        self._met: set[FrontConnection] = set()
        self._next_look: asyncio.TimerHandle | None = None

    def connection(self) -> asyncio.Protocol:
        """For a new connection."""
        return FrontConnection(self)

    def meet(self, connection: "FrontConnection") -> None:
        """It has begun."""
        self._met.add(connection)
        if self._next_look is None:
            self._look_later()

    def part(self, connection: "FrontConnection") -> None:
        """It has ended, or gone on."""
        self._met.discard(connection)

    def close(self) -> None:
        """End every connection: none of them waits for an answer."""
        if self._next_look is not None:
            self._next_look.cancel()
        for connection in self._met:
            connection.transport.close()

    def _look_later(self) -> None:
        # One timer for all, and none while nobody is connected: one for each would
        # cost every request, and an idle daemon wakes up for nothing.
        loop = asyncio.get_running_loop()
        self._next_look = loop.call_later(KEEPALIVE_SECONDS, self._end_the_idle)

    def _end_the_idle(self) -> None:
        """End those that have asked nothing since the last look."""
        for connection in list(self._met):
            if connection.is_idle:
                # Not `close`, which would wait for a peer that does not read.
                connection.transport.abort()
            connection.is_idle = True
        self._next_look = None
        if self._met:
            self._look_later()


class FrontConnection(asyncio.Protocol):
    """One connection, until it ends or goes on."""

    __slots__ = ("_asker", "_front", "is_idle", "transport")

    transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front = front
        self._asker: Asker | None = None
        self.is_idle = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first read."""
        self.transport = transport  # type: ignore[assignment]  # of a stream socket
        self._front.meet(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget it."""
        self._front.part(self)

    def data_received(self, data: bytes) -> None:
        """Answer, or go on."""
        request = parse_token_request(data)
        answer = None if request is None else self._answer(request)
        if request is None or answer is None:
            self._go_on(data)
            return
        self.is_idle = False
        self.transport.write(answer)
        if request.close:
            self.transport.close()

    def pause_writing(self) -> None:
        """Read no more from a peer that does not read its answers."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It has read them."""
        self.transport.resume_reading()

    def _go_on(self, data: bytes) -> None:
        self._front.part(self)
        behind = self._front.behind()
        self.transport.set_protocol(behind)
        behind.connection_made(self.transport)
        behind.data_received(data)

    def _answer(self, request: TokenRequest) -> bytes | None:
        """The bytes of an answer; None where it has to be waited for."""
        try:
            wanted = wire.token_wanted(wire.parse_body(request.body, wire.TokenBody))
            served = self._front.access.cached_token(self._who_asks(), wanted)
        except BrokerError as exc:
            document = problem(exc)
            body = msgspec.json.encode(document)
            status = HTTPStatus(int(str(document["status"])))
            head = {"Content-Type": wire.PROBLEM, **headers_of(exc)}
            return _answer_bytes(status, head, body, close=request.close)
        except Exception:  # noqa: BLE001 - a bug of ours is met again, told and logged there
            return None
        if served is None:
            return None
        kind, body = wire.token_answer(served, request.accept)
        head = {"Content-Type": kind}
        return _answer_bytes(HTTPStatus.OK, head, body, close=request.close)

    def _who_asks(self) -> Asker:
        if self._asker is None:
            peer = peer_of(self.transport.get_extra_info("socket"))
            self._asker = Asker(socket=self._front.door, peer=peer)
        return self._asker


def _answer_bytes(
    status: HTTPStatus, head: dict[str, str], body: bytes, *, close: bool
) -> bytes:
    """The answer, with the headers that aiohttp gives."""
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name}: {value}" for name, value in head.items()),
        f"Content-Length: {len(body)}",
        f"Date: {rfc822_formatted_time()}",
        f"Server: {SERVER_SOFTWARE}",
    ]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body
