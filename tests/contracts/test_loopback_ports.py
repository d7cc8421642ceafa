"""The redirect listener's ports: held alone while open, free once it is closed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from broker.model.errors import PortInUseError
from broker.model.redirect import Outcome
from broker.net.pages import SUCCESS
from tests.contracts.browser import follow, get, send
from tests.contracts.waiting import OURS, Waiting, origin_of, port_of


@pytest.fixture
async def waiting() -> AsyncIterator[Waiting]:
    login = Waiting(linger=0.05)
    yield login
    await login.close()


def listen_at(other: socket.socket, port: int) -> None:
    other.bind(("127.0.0.1", port))
    other.listen()


def open_descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


async def test_localhost_is_held_in_both_families(waiting: Waiting) -> None:
    opened = await waiting.open(host="localhost")
    port = port_of(opened)
    wanted = f"GET /?{OURS} HTTP/1.1\r\nHost: LOCALHOST:{port}\r\n\r\n".encode()
    for address in ("127.0.0.1", "::1"):
        assert (await send(port, wanted, host=address)).status == 303


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_localhost_is_refused_where_either_family_is_taken(
    waiting: Waiting, address: str
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((address, 0))
        other.listen()
        with pytest.raises(PortInUseError):
            await waiting.open(host="localhost", port=other.getsockname()[1])


async def test_localhost_holds_both_families_beside_another_address(
    waiting: Waiting,
) -> None:
    opened = await waiting.open(host="localhost", bind="127.0.0.2")
    for address in ("127.0.0.1", "127.0.0.2", "::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as other, pytest.raises(OSError, match="in use"):
            other.bind((address, port_of(opened)))


async def test_nobody_can_listen_beside_us_by_sharing_the_port(
    waiting: Waiting,
) -> None:
    opened = await waiting.open()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError, match="in use"):
                listen_at(other, port_of(opened))


async def test_a_browser_that_never_comes_back_is_not_waited_for_long(
    waiting: Waiting,
) -> None:
    opened = await waiting.open()
    await get(f"{opened.redirect_uri}?{OURS}")
    async with asyncio.timeout(10):
        await opened.close()
    with pytest.raises(ConnectionRefusedError):
        await get(opened.redirect_uri)


async def test_close_leaves_no_connection_and_no_descriptor(waiting: Waiting) -> None:
    before = open_descriptors()
    opened = await waiting.open(host="localhost")
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(opened))
    async with asyncio.timeout(10):
        await opened.close()
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert open_descriptors() <= before


def test_on_uvloop_the_whole_way_is_gone_and_the_port_is_free_again() -> None:
    async def scenario() -> None:
        async with Waiting() as waiting:
            opened = await waiting.open(host="localhost")
            port = port_of(opened)
            assert (await get(f"{opened.redirect_uri}?code=forged")).status == 400
            moved = await get(f"{opened.redirect_uri}?{OURS}")
            assert moved.status == 303
            page = asyncio.create_task(follow(moved, origin_of(opened)))
            closing = asyncio.create_task(opened.close())
            waiting.ended.set_result(Outcome.SIGNED_IN)
            assert (await page).body == SUCCESS.body
            await closing
            assert port_of(await waiting.open(host="localhost", port=port)) == port

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
