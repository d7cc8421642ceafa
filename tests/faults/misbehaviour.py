"""What an issuer can do wrong at its token endpoint, by name, to the byte.

Runs in the process of `faulty_issuer`. Unless it says so, a fault leaves the refresh
token as it was: the issuer has not seen the request.
"""

import asyncio
import base64
import json
import socket
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate

MEBIBYTE = 1024 * 1024
FLOOD_BYTES = 200 * MEBIBYTE
PATIENCE_ASKED = 3
"""Seconds that an overloaded issuer asks for."""


@dataclass
class Exchange:
    """One request at the token endpoint.

    Attributes:
        writer: where the answer goes.
        healthy: makes the good answer, perhaps with further members; with it the
            refresh token is rotated.
        gate: what a held answer waits for.
        elsewhere: a URL of another origin.
        sent: counts the bytes of a flood.
    """

    writer: asyncio.StreamWriter
    healthy: Callable[..., bytes]
    gate: asyncio.Event
    elsewhere: str
    sent: Callable[[int], None] = field(repr=False)

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


Behaviour = Callable[[Exchange], Awaitable[None]]


def reply(
    body: bytes,
    status: str = "200 OK",
    *,
    kind: str = "application/json",
    headers: str = "",
) -> bytes:
    """A whole answer; `headers` are lines with their ends."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{headers}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def saying(answer: bytes | Callable[[Exchange], bytes]) -> Behaviour:
    """Send these bytes, and end."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.say(answer if isinstance(answer, bytes) else answer(exchange))

    return behaviour


def success(**members: object) -> bytes:
    """The body of a good answer with members that are not good."""
    good = {"access_token": "made-up", "token_type": "Bearer", "expires_in": 3600}
    return json.dumps({**good, **members}).encode()


def with_life(text: str) -> bytes:
    """A body whose `expires_in` is written as `text`."""
    return success(expires_in="LIFE").replace(b'"LIFE"', text.encode())


def refusal(status: str, error: str, **members: object) -> bytes:
    """A refusal (RFC 6749 section 5.2)."""
    return reply(json.dumps({"error": error, **members}).encode(), status)


def page(status: str = "200 OK", headers: str = "") -> bytes:
    """What a portal, or a proxy that is down, has in place of an answer."""
    body = b"<!doctype html><title>Welcome</title><p>Please sign in to the network."
    return reply(body, status, kind="text/html", headers=headers)


async def silence(_: Exchange) -> None:
    """Say nothing for ever."""
    await asyncio.Event().wait()


async def hold(exchange: Exchange) -> None:
    """The good answer, once the test lets it go; the refresh token is spent at once."""
    answer = exchange.healthy()
    await exchange.gate.wait()
    await exchange.say(answer)


async def hold_refusal(exchange: Exchange) -> None:
    """A 503, once the test lets it go."""
    await exchange.gate.wait()
    await exchange.say(page("503 Service Unavailable"))


def dripping(head: bytes) -> Behaviour:
    """`head` at once, then a byte a second."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.say(head)
        while True:
            await exchange.say(b"a")
            await asyncio.sleep(1)

    return behaviour


async def huge_body(exchange: Exchange) -> None:
    """200 MB in one string."""
    await exchange.say(
        f"HTTP/1.1 200 OK\r\nContent-Length: {FLOOD_BYTES}\r\n\r\n".encode()
    )
    block = b"a" * 65536
    await exchange.say(b'{"access_token":"')
    for _ in range(FLOOD_BYTES // len(block)):
        await exchange.say(block)
        exchange.sent(len(block))


async def endless_chunks(exchange: Exchange) -> None:
    """A body that never ends, in small pieces."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    while True:
        await exchange.say(chunk)
        exchange.sent(len(chunk))


async def endless_continue(exchange: Exchange) -> None:
    """100 Continue for ever: nothing says how often it may come (RFC 9110, 15.2)."""
    while True:
        await exchange.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


def gzip_bomb(_: Exchange) -> bytes:
    """200 MB of spaces in 200 kB."""
    packer = zlib.compressobj(level=9, wbits=31)
    block = b" " * MEBIBYTE
    packed = b"".join(packer.compress(block) for _ in range(FLOOD_BYTES // MEBIBYTE))
    return reply(packed + packer.flush(), headers="Content-Encoding: gzip\r\n")


async def reset(exchange: Exchange) -> None:
    """A reset after the request: nobody can tell whether it was heeded."""
    raw = exchange.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


async def drop(exchange: Exchange) -> None:
    """The end of the connection, after the request."""
    exchange.writer.close()


async def commit_then_drop(exchange: Exchange) -> None:
    """The refresh token is spent, and whoever sent it never hears of the new one."""
    exchange.healthy()
    await reset(exchange)


def overloaded(status: str, retry_after: Callable[[], str]) -> Behaviour:
    """Asks for patience."""

    def answer(_: Exchange) -> bytes:
        date = formatdate(usegmt=True)
        return page(status, f"Date: {date}\r\nRetry-After: {retry_after()}\r\n")

    return saying(answer)


def _seconds() -> str:
    return str(PATIENCE_ASKED)


def _date() -> str:
    return formatdate(time.time() + PATIENCE_ASKED, usegmt=True)


def _cookies(count: int) -> str:
    return "".join(f"Set-Cookie: c{n}={'x' * 50}; Path=/\r\n" for n in range(count))


def _with_cookies(exchange: Exchange) -> bytes:
    return exchange.healthy().replace(b"\r\n", f"\r\n{_cookies(50)}".encode(), 1)


def _elsewhere(exchange: Exchange) -> bytes:
    return page("307 Temporary Redirect", f"Location: {exchange.elsewhere}\r\n")


def _with_unknown_key(exchange: Exchange) -> bytes:
    """An ID token whose key is in no key set: the issuer has just changed its keys."""
    header = base64.urlsafe_b64encode(b'{"alg":"ES256","kid":"of today"}').decode()
    return exchange.healthy(id_token=f"{header.rstrip('=')}.e30.AAAA")


RAPT = refusal(
    "400 Bad Request",
    "invalid_grant",
    error_description="reauth related error (invalid_rapt)",
    error_uri="https://support.google.com/a/answer/9368756",
    error_subtype="invalid_rapt",
)

BEHAVIOURS: dict[str, Behaviour] = {
    "hold": hold,
    "hold-refusal": hold_refusal,
    # Slow: only a deadline ends these.
    "silence": silence,
    "slow-header": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "slow-body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
    "endless-continue": endless_continue,
    # Too much.
    "huge-body": huge_body,
    "gzip-bomb": saying(gzip_bomb),
    "endless-chunks": endless_chunks,
    "huge-token": saying(reply(success(access_token="a" * MEBIBYTE))),
    "cookie-flood": saying(reply(success(), headers=_cookies(20_000))),
    "deep-json": saying(reply(b"[" * 100_000)),
    # Not now.
    "status-500": saying(page("500 Internal Server Error")),
    "status-502": saying(page("502 Bad Gateway")),
    "status-504": saying(page("504 Gateway Timeout")),
    "status-503": saying(page("503 Service Unavailable")),
    "status-503-seconds": overloaded("503 Service Unavailable", _seconds),
    "status-429": saying(page("429 Too Many Requests")),
    "status-429-seconds": overloaded("429 Too Many Requests", _seconds),
    "status-429-date": overloaded("429 Too Many Requests", _date),
    # Not what the protocol says.
    "html": saying(page()),
    "empty-object": saying(reply(b"{}")),
    "list": saying(reply(b"[]")),
    "null": saying(reply(b"null")),
    "nothing": saying(reply(b"")),
    "bad-utf8": saying(reply(success().replace(b"made-up", b"made\xff\xfeup"))),
    "nan-life": saying(reply(with_life("NaN"))),
    "infinite-life": saying(reply(with_life("1e400"))),
    "negative-life": saying(reply(with_life("-1"))),
    "word-life": saying(reply(with_life('"soon"'))),
    "twice-a-key": saying(reply(success()[:-1] + b', "access_token": "other"}')),
    "newline-token": saying(reply(success(access_token="made\nup"))),
    "nul-token": saying(reply(success(access_token="made\0up"))),
    "not-http": saying(b"220 mail.example ESMTP ready\r\n"),
    # Somebody in between.
    "redirect": saying(_elsewhere),
    "portal-redirect": saying(page("302 Found", "Location: http://portal.test/\r\n")),
    "portal-511": saying(page("511 Network Authentication Required")),
    # Unknown outcome.
    "reset": reset,
    "drop": drop,
    "cut-off": saying(reply(success())[:-20]),
    "commit-then-drop": commit_then_drop,
    # The issuer's own word.
    "invalid-client": saying(refusal("401 Unauthorized", "invalid_client")),
    "invalid-grant": saying(refusal("400 Bad Request", "invalid_grant")),
    "invalid-rapt": saying(RAPT),
    "invalid-scope": saying(refusal("400 Bad Request", "invalid_scope")),
    # Odd, but a good answer.
    "cookies": saying(_with_cookies),
    "new-keys": saying(_with_unknown_key),
    "continue": saying(lambda e: b"HTTP/1.1 100 Continue\r\n\r\n" + e.healthy()),
}
