"""A browser as small as the tests need: one request a connection, as it is typed."""

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Shown:
    """What came back; status 0 where the connection was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def get(url: str) -> Shown:
    """GET as a browser sends it."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n"
    return await send(parts.port or 80, request.encode(), host=parts.hostname or "")


async def post(url: str, form: str) -> Shown:
    """A form that a page of an issuer has the browser send."""
    parts = urlsplit(url)
    lines = (
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Origin: https://issuer.example",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form.encode())}",
        "",
        form,
    )
    request = "\r\n".join(lines)
    return await send(parts.port or 80, request.encode(), host=parts.hostname or "")


async def follow(shown: Shown, origin: str) -> Shown:
    """GET what a redirect of `origin` leads to."""
    return await get(origin + shown.headers["location"])


async def send(port: int, request: bytes, *, host: str = "127.0.0.1") -> Shown:
    """Any bytes; reads until the server closes."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        try:
            answer = await reader.read()
        except ConnectionResetError:  # closed with bytes of ours unread
            answer = b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return parse(answer)


def parse(answer: bytes) -> Shown:
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        return Shown(0, {}, b"")
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Shown(
        int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, body
    )
