"""Which connections the outbound door keeps, and how long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from broker.model.errors import IssuerUnreachableError
from broker.model.http import HttpRequest
from broker.model.time import Instant, Seconds, UnixTime
from broker.net.outbound import Outbound
from broker.net.sessions import KEPT_FOR
from tests.contracts.raw_server import read_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def answer_and_stay(writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


async def close_unanswered(writer: asyncio.StreamWriter) -> None:
    writer.close()


@dataclass
class Keeping:
    """A server that keeps connections open.

    Attributes:
        connections: the methods that came on each, such as [['GET', 'GET']].
        ended: released when one was closed by the other side.
        answers: by the number of the request; the rest is answered.
    """

    url: str = ""
    connections: list[list[str]] = field(default_factory=list)
    ended: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    answers: dict[int, Answer] = field(default_factory=dict)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        methods: list[str] = []
        self.connections.append(methods)
        try:
            while not writer.is_closing():
                head = await read_request(reader)
                methods.append(head.split()[0].decode())
                number = sum(len(connection) for connection in self.connections)
                await self.answers.get(number, answer_and_stay)(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.ended.release()
            writer.close()


@asynccontextmanager
async def keeping() -> AsyncIterator[Keeping]:
    server = Keeping()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with listening:
        yield server


class World:
    """A door, its clock and a server."""

    def __init__(self, server: Keeping) -> None:
        self.server = server
        self._now = Instant(wall=UnixTime(0), boot=Seconds(1000))
        self.door = Outbound(version="1", now=lambda: self._now)

    def sleep(self, seconds: float) -> None:
        """The machine is suspended: only the boot clock goes on."""
        boot = Seconds(self._now.boot + seconds)
        self._now = Instant(wall=self._now.wall, boot=boot)

    async def get(self) -> bytes:
        request = HttpRequest(method="GET", url=self.server.url)
        return (await self.door.send(request)).body

    async def post(self) -> bytes:
        request = HttpRequest(method="POST", url=self.server.url, body=b"x=y")
        return (await self.door.send(request)).body


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        world = World(await stack.enter_async_context(keeping()))
        stack.push_async_callback(world.door.close)
        yield world


async def test_what_may_be_sent_twice_goes_over_a_kept_connection(
    world: World,
) -> None:
    for _ in range(3):
        assert await world.get() == b"{}"
    assert world.server.connections == [["GET", "GET", "GET"]]


async def test_every_token_request_is_the_first_on_its_connection(
    world: World,
) -> None:
    await world.get()
    for _ in range(3):
        assert await world.post() == b"{}"
    assert world.server.connections == [["GET"], ["POST"], ["POST"], ["POST"]]


async def test_the_connection_of_a_token_request_is_closed_after_it(
    world: World,
) -> None:
    await world.post()
    await world.server.ended.acquire()
    await world.get()
    assert world.server.connections == [["POST"], ["GET"]]


async def test_a_kept_connection_that_is_just_being_closed_costs_no_error(
    world: World,
) -> None:
    world.server.answers[2] = close_unanswered
    await world.get()
    assert await world.get() == b"{}"
    assert world.server.connections == [["GET", "GET"], ["GET"]]


async def test_a_token_request_that_gets_no_answer_is_not_sent_again(
    world: World,
) -> None:
    world.server.answers[1] = close_unanswered
    with pytest.raises(IssuerUnreachableError) as fault:
        await world.post()
    assert fault.value.sent
    assert world.server.connections == [["POST"]]


async def test_no_connection_is_kept_over_a_suspend(world: World) -> None:
    await world.get()
    world.sleep(KEPT_FOR)
    await world.get()
    world.sleep(KEPT_FOR + 0.1)
    await world.get()
    assert world.server.connections == [["GET", "GET"], ["GET"]]
    await world.server.ended.acquire()


async def test_a_suspend_cuts_nothing_off_that_is_under_way(world: World) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await go.wait()
        writer.write(OK)

    world.server.answers[2] = wait
    await world.get()
    slow = asyncio.create_task(world.get())
    await arrived.wait()
    world.sleep(3600)
    assert await world.get() == b"{}"
    go.set()
    assert await slow == b"{}"
    assert world.server.connections == [["GET", "GET"], ["GET"]]


async def test_a_name_is_looked_up_for_every_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []
    loop = asyncio.get_running_loop()
    really = loop.getaddrinfo

    async def counted(host: str, *rest: object, **more: object) -> object:
        looked_up.append(host)
        return await really(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "getaddrinfo", counted)
    world.server.url = world.server.url.replace("127.0.0.1", "localhost")
    await world.post()
    await world.post()
    assert looked_up == ["localhost", "localhost"]
