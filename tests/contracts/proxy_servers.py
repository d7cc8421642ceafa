"""An HTTP proxy and a SOCKS proxy on loopback, which connect everything to one port."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass
class RunningProxy:
    """Where it listens and what it was asked, such as 'issuer.example:443'."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)


Greeting = Callable[[Reader, Writer, RunningProxy], Awaitable[bool]]
"""Answers one who connects, and says whether he is connected on."""


def http_proxy(
    target: int, *, status: int = 200, tls: ssl.SSLContext | None = None
) -> AbstractAsyncContextManager[RunningProxy]:
    """Answers CONNECT with `status` (RFC 9110 section 9.3.6)."""

    async def greet(reader: Reader, writer: Writer, running: RunningProxy) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        running.heads.append(head)
        running.asked.append(head.split()[1].decode())
        writer.write(f"HTTP/1.1 {status} As It Is\r\n\r\n".encode())
        return status == 200

    return _proxy(target, greet, tls)


def socks_proxy(
    target: int, *, reply: int = 0, password: str | None = None
) -> AbstractAsyncContextManager[RunningProxy]:
    """Answers with the code `reply`, to the user 'me' alone where there is a password.

    RFC 1928 sections 3 to 6, RFC 1929 section 2.
    """

    async def greet(reader: Reader, writer: Writer, running: RunningProxy) -> bool:
        _, count = await reader.readexactly(2)
        await reader.readexactly(count)
        writer.write(b"\x05\x02" if password else b"\x05\x00")
        if password:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            (length,) = await reader.readexactly(1)
            given = await reader.readexactly(length)
            right = (user, given) == (b"me", password.encode())
            writer.write(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return False
        running.asked.append(await _socks_address(reader))
        writer.write(bytes([5, reply, 0, 1]) + bytes(6))
        return reply == 0

    return _proxy(target, greet, None)


async def _socks_address(reader: Reader) -> str:
    *_, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(str(byte) for byte in await reader.readexactly(4))
    else:
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode()
    return f"{host}:{int.from_bytes(await reader.readexactly(2), 'big')}"


@asynccontextmanager
async def _proxy(
    target: int, greet: Greeting, tls: ssl.SSLContext | None
) -> AsyncIterator[RunningProxy]:
    running = RunningProxy()
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            if await greet(reader, writer, running):
                await _join(reader, writer, target)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            pass  # one who leaves is part of the test
        finally:
            writer.close()
            under_way.discard(task)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    running.port = listening.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        listening.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _join(reader: Reader, writer: Writer, target: int) -> None:
    """Carry bytes both ways until both sides have ended."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_carry(reader, far_writer))
            group.create_task(_carry(far_reader, writer))
    except* OSError:
        pass
    finally:
        far_writer.close()


async def _carry(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
