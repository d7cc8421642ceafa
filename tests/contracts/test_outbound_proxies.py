"""The outbound door through real proxies, HTTP's and SOCKS, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from broker.config import NetworkConfig
from broker.model.errors import IssuerUnreachableError
from broker.model.http import HttpRequest
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.net.outbound import Deadlines, Outbound
from tests.contracts.certificates import Authority
from tests.contracts.proxy_servers import http_proxy, socks_proxy
from tests.contracts.raw_server import RawServer, answering, hanging, raw_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
ISSUER = "https://issuer.example/token"
ADDRESS = "192.0.2.7"
SOON = Deadlines(connect=Seconds(0.3), read=Seconds(0.3), total=Seconds(5))


class World:
    """An issuer that only a proxy can reach, and doors to it."""

    def __init__(self, authority: Authority, stack: AsyncExitStack) -> None:
        self.authority = authority
        self.stack = stack

    async def issuer(self, name: str = "issuer.example") -> RawServer:
        tls = self.authority.server(name)
        return await self.stack.enter_async_context(raw_server(answering(OK), tls=tls))

    def door(
        self, proxy: str = "", deadlines: Deadlines | None = None, **environ: str
    ) -> Outbound:
        door = Outbound(
            version="1",
            network=NetworkConfig(
                proxy=Secret(proxy) if proxy else None,
                ca_file=str(self.authority.path),
            ),
            environ=environ,
            deadlines=deadlines,
        )
        self.stack.push_async_callback(door.close)
        return door


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(Authority(folder), stack)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


def post(url: str = ISSUER) -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=b"refresh_token=hush")


async def fault_of(door: Outbound, url: str = ISSUER) -> IssuerUnreachableError:
    with pytest.raises(IssuerUnreachableError) as fault:
        await door.send(post(url))
    return fault.value


async def test_an_http_proxy_is_asked_for_a_tunnel_and_sees_nothing_of_it(
    world: World,
) -> None:
    issuer = await world.issuer()
    async with http_proxy(issuer.port) as proxy:
        door = world.door(f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        assert (await door.send(post())).body == b"{}"
    assert proxy.asked == ["issuer.example:443"]
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in proxy.heads[0]
    assert b"hush" not in proxy.heads[0]
    assert b"proxy" not in issuer.received[0].lower()


async def test_the_proxy_of_the_environment_is_taken(world: World) -> None:
    issuer = await world.issuer()
    async with http_proxy(issuer.port) as proxy:
        door = world.door(https_proxy=f"127.0.0.1:{proxy.port}")
        assert (await door.send(post())).body == b"{}"
    assert proxy.asked == ["issuer.example:443"]


async def test_a_proxy_may_speak_tls_itself(world: World) -> None:
    issuer = await world.issuer()
    tls = world.authority.server("127.0.0.1")
    async with http_proxy(issuer.port, tls=tls) as proxy:
        door = world.door(f"https://127.0.0.1:{proxy.port}")
        assert (await door.send(post())).body == b"{}"
    assert proxy.asked == ["issuer.example:443"]


async def test_the_issuers_certificate_is_checked_through_a_proxy_too(
    world: World,
) -> None:
    issuer = await world.issuer("other.example")
    async with http_proxy(issuer.port) as proxy, socks_proxy(issuer.port) as socks:
        for url in (
            f"http://127.0.0.1:{proxy.port}",
            f"socks5h://127.0.0.1:{socks.port}",
        ):
            fault = await fault_of(world.door(url))
            assert fault.what.startswith("TLS certificate not trusted: Hostname mism")
            assert not fault.sent
    assert issuer.received == []


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_refuses_is_named_and_nothing_was_sent(
    world: World, status: int
) -> None:
    async with http_proxy(1, status=status) as proxy:
        fault = await fault_of(world.door(f"http://me:hush@127.0.0.1:{proxy.port}"))
    assert (fault.what, fault.sent) == (f"the proxy answered {status}", False)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_is_not_there_is_named(world: World, scheme: str) -> None:
    fault = await fault_of(world.door(f"{scheme}://127.0.0.1:1"))
    assert (fault.what, fault.sent) == ("the proxy: connection refused", False)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_says_nothing_is_given_up_and_nothing_was_sent(
    world: World, scheme: str
) -> None:
    async with raw_server(hanging) as silent:
        fault = await fault_of(world.door(f"{scheme}://127.0.0.1:{silent.port}", SOON))
    assert fault.what in {"no connection in time", "the proxy: no answer in time"}
    assert not fault.sent


async def test_socks5h_leaves_the_name_to_the_proxy(world: World) -> None:
    issuer = await world.issuer()
    async with socks_proxy(issuer.port) as proxy:
        door = world.door(ALL_PROXY=f"socks5h://127.0.0.1:{proxy.port}")
        assert (await door.send(post())).body == b"{}"
    assert proxy.asked == ["issuer.example:443"]


async def test_socks5_hands_the_proxy_an_address(world: World) -> None:
    issuer = await world.issuer(ADDRESS)
    async with socks_proxy(issuer.port) as proxy:
        door = world.door(f"socks5://127.0.0.1:{proxy.port}")
        assert (await door.send(post(f"https://{ADDRESS}:8443/t"))).body == b"{}"
    assert proxy.asked == [f"{ADDRESS}:8443"]


async def test_socks5_looks_the_name_up_itself(world: World) -> None:
    async with socks_proxy(1) as proxy:
        door = world.door(f"socks5://127.0.0.1:{proxy.port}")
        # RFC 6761 section 6.4: no such name is ever given out.
        fault = await fault_of(door, "https://issuer.invalid/")
    assert proxy.asked == []
    assert not fault.sent


async def test_a_socks_proxy_is_given_user_and_password(world: World) -> None:
    issuer = await world.issuer()
    async with socks_proxy(issuer.port, password="p@ss") as proxy:
        door = world.door(f"socks5h://me:p%40ss@127.0.0.1:{proxy.port}")
        assert (await door.send(post())).body == b"{}"


async def test_a_socks_proxy_that_wants_another_password_is_named(
    world: World,
) -> None:
    async with socks_proxy(1, password="p@ss") as proxy:
        fault = await fault_of(world.door(f"socks5h://me:hush@127.0.0.1:{proxy.port}"))
    what = "the proxy: username and password authentication failure"
    assert (fault.what, fault.sent) == (what, False)


async def test_what_a_socks_proxy_says_of_the_host_is_told(world: World) -> None:
    async with socks_proxy(1, reply=4) as proxy:
        fault = await fault_of(world.door(f"socks5h://127.0.0.1:{proxy.port}"))
    assert (fault.what, fault.sent) == ("the proxy: host unreachable", False)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_an_issuer_on_loopback_is_reached_without_a_proxy(
    world: World, scheme: str
) -> None:
    issuer = await world.issuer("127.0.0.1")
    door = world.door(f"{scheme}://127.0.0.1:1")
    assert (await door.send(post(issuer.url()))).body == b"{}"


async def test_a_variable_that_names_no_proxy_is_named(world: World) -> None:
    fault = await fault_of(world.door(https_proxy="ftp://me:hush@p"))
    assert fault.what.startswith("https_proxy: it names no proxy; there are http://")
    assert "hush" not in str(fault)
    assert not fault.sent


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_it_is_the_same_on_the_daemons_own_event_loop(
    tmp_path: Path, scheme: str
) -> None:
    async def ask() -> bytes:
        async with a_world(tmp_path) as world:
            issuer = await world.issuer()
            tls = world.authority.server("127.0.0.1") if scheme == "https" else None
            running = (
                socks_proxy(issuer.port)
                if scheme == "socks5h"
                else http_proxy(issuer.port, tls=tls)
            )
            async with running as proxy:
                door = world.door(f"{scheme}://127.0.0.1:{proxy.port}")
                return (await door.send(post())).body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == b"{}"
