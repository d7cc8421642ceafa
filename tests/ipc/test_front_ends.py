"""The front: peers that do not read, do not ask, or are too many; and its end."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.ipc import front as front_module
from broker.ipc import server as server_module
from broker.model.restriction import Restriction, SocketName
from broker.model.time import UnixTime
from tests.fakes.clock import run_until_idle
from tests.ipc.asks import asks
from tests.ipc.at_hand import STATUS, Run, at_hand, met
from tests.ipc.served import Served, parse
from tests.services.world import WORK, a_grant, a_world, token_answer


def test_a_peer_that_does_not_read_its_answers_is_not_read_either(
    tmp_path: Path, run: Run
) -> None:
    async def ask() -> None:
        loop = asyncio.get_running_loop()
        async with at_hand(tmp_path) as served:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.setblocking(False)
                await loop.sock_connect(peer, str(served.path))
                asked = refused = 0
                while refused < 10:  # its own queue has room again, or has not
                    await run_until_idle()
                    try:
                        assert peer.send(asks()) == len(asks())
                        asked, refused = asked + 1, 0
                    except BlockingIOError:
                        refused += 1
                    assert asked < 100_000
                answers = b""
                while answers.count(b"access-1") < asked:
                    answers += await loop.sock_recv(peer, 2**16)
            assert answers.count(b"HTTP/1.1 200 OK\r\n") == asked

    run(ask())


def test_an_idle_connection_ends_and_leaves_no_timer(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "KEEPALIVE_SECONDS", 0.01)

    async def idle() -> None:
        async with at_hand(tmp_path) as served:
            for first in (b"", asks()):
                reader, writer = await asyncio.open_unix_connection(str(served.path))
                writer.write(first)
                async with asyncio.timeout(10):  # one that stays would hang the suite
                    assert (await reader.read() == b"") == (first == b"")
                writer.close()
                await writer.wait_closed()
            async with asyncio.timeout(10):  # as above
                while served.met._next_look is not None:
                    await run_until_idle()

    run(idle())


def test_a_connection_that_asks_between_two_looks_stays(
    tmp_path: Path, run: Run
) -> None:
    async def stay() -> None:
        async with at_hand(tmp_path) as served:
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            await met(served)
            for _ in range(3):
                served.met._end_the_idle()
                assert len(served.met._waiting) == 1
                writer.write(asks(b"Accept: text/plain"))
                await reader.readuntil(b"access-1")
            writer.close()
            await writer.wait_closed()

    run(stay())


def test_a_connection_that_has_gone_on_is_no_longer_looked_at(
    tmp_path: Path, run: Run
) -> None:
    async def go_on() -> None:
        async with at_hand(tmp_path) as served:
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            await met(served)
            writer.write(STATUS)
            await reader.readuntil(b"}")
            assert served.met._waiting == set()
            writer.close()
            await writer.wait_closed()

    run(go_on())


def test_the_end_of_the_server_ends_every_connection(tmp_path: Path, run: Run) -> None:
    async def end() -> None:
        async with at_hand(tmp_path) as served:
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            await met(served)
            await served.server.close()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    run(end())


async def one_turn() -> None:
    """Of the event loop."""
    await asyncio.sleep(0)


def test_a_connection_that_is_going_on_at_the_end_is_ended_too(
    tmp_path: Path, run: Run
) -> None:
    async def end() -> None:
        async with at_hand(tmp_path) as served:
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            writer.write(b"P")
            while not served.met._going_on:
                await one_turn()
            async with asyncio.timeout(10):  # one that stays would hang the suite
                await served.server.close()
                assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    run(end())


def test_whoever_hangs_up_is_forgotten(tmp_path: Path, run: Run) -> None:
    async def hang_up() -> None:
        async with at_hand(tmp_path) as served:
            _, writer = await asyncio.open_unix_connection(str(served.path))
            await met(served)
            writer.close()
            await writer.wait_closed()
            while served.met._waiting:
                await run_until_idle()
            assert served.met._next_look is None
            assert not served.met._going_on

    run(hang_up())


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_whoever_finds_no_descriptor_left_is_answered_when_there_is_one(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(front_module, "PAUSE_SECONDS", 0.01)

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        async with at_hand(tmp_path) as served:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.setblocking(False)
                with no_descriptor_left():
                    await loop.sock_connect(peer, str(served.path))
                    await loop.sock_sendall(peer, asks())
                    while "front.accept.failed" not in caplog.text:
                        await run_until_idle()
                assert b"access-1" in await loop.sock_recv(peer, 2**16)

    run(ask())


def our_bug(*_: object) -> None:
    raise RuntimeError("c4n4ry")


def test_a_bug_of_ours_is_told_and_logged_as_behind_the_front(
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            monkeypatch.setattr(served.world.access, "cached_token", our_bug)
            said = parse(await served.converse(asks(b"Connection: close")))
        assert (said.status, said.code) == (500, "internal_error")
        assert b"c4n4ry" not in said.body

    run(ask())
    assert caplog.text.count("request.failed path=/v1/token\n") == 1


@pytest.mark.parametrize("front_is_on", [True, False])
async def test_a_refusal_is_logged_once(
    front_is_on: bool,  # noqa: FBT001 - a parameter of pytest's
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = os.geteuid() + 1
    async with at_hand(tmp_path, owner_uid=other, front=front_is_on) as served:
        said = parse(await served.converse(asks(b"Connection: close")))
    assert (said.status, said.code) == (403, "not_permitted")
    assert caplog.text.count("access.refused") == 1


CI = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(0))


def test_a_restricted_socket_has_so_many_connections_and_the_rest_wait(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 2)
    accounts = b"GET /v1/accounts HTTP/1.1\r\nHost: b\r\n\r\n"

    async def crowd() -> None:
        world = await a_world(a_grant())
        world.sender.script(token_answer())
        path = tmp_path / "ci.sock"
        served = await Served(world, path, restriction=CI).start()
        loop = asyncio.get_running_loop()
        peers = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        try:
            for peer in peers:
                peer.setblocking(False)
                await loop.sock_connect(peer, str(path))
                await loop.sock_sendall(peer, accounts)
            assert b"200 OK" in await loop.sock_recv(peers[0], 2**16)
            assert b"200 OK" in await loop.sock_recv(peers[1], 2**16)
            for _ in range(3):
                await run_until_idle()
            with pytest.raises(BlockingIOError):
                peers[2].recv(1)
            # One that has gone on to the HTTP server ends, then one in the front.
            peers[0].close()
            assert b"200 OK" in await loop.sock_recv(peers[2], 2**16)
            peers[1].close()
            assert b"200 OK" in await loop.sock_recv(peers[3], 2**16)
            assert served.met._there == 2
        finally:
            for peer in peers:
                peer.close()
            await served.close()

    run(crowd())


async def test_those_that_are_answered_at_once_leave_their_places(
    tmp_path: Path,
) -> None:
    async with at_hand(tmp_path) as served:
        for _ in range(3):
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            writer.write(asks(b"Connection: close"))
            assert b"access-1" in await reader.read()
            writer.close()
        assert served.met._there == 0
