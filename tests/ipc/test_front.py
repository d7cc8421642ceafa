"""The front: its answers are the HTTP server's own, and so is all else it does."""

import asyncio
import contextlib
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import uvloop

from broker.ipc import front as front_module
from broker.ipc.front import _Met
from tests.fakes.clock import run_until_idle
from tests.ipc.asks import LINE, asks
from tests.ipc.served import Served, parse
from tests.services.world import a_grant, a_world, token_answer

STATUS = b"GET /v1/status HTTP/1.1\r\nHost: b\r\n\r\n"


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(
    request: pytest.FixtureRequest,
) -> Callable[[Coroutine[None, None, None]], None]:
    """Runs to the end on either event loop."""

    def to_the_end(coroutine: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(coroutine)

    return to_the_end


Run = Callable[[Coroutine[None, None, None]], None]


@asynccontextmanager
async def at_hand(
    tmp_path: Path, owner_uid: int = os.geteuid(), *, front: bool = True
) -> AsyncIterator[Served]:
    """A front that has the token 'access-1' at hand; the issuer gives no other."""
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    asked = await Served(world, tmp_path / "warm.sock").start()
    assert (await asked.ask("POST", "/v1/token", {})).status == 200
    await asked.close()
    path = tmp_path / "broker.sock"
    served = await Served(world, path, owner_uid, front=front).start()
    try:
        yield served
    finally:
        await served.close()


SAMPLES = [
    asks(b"Connection: close"),
    asks(b"Connection: close", b"Accept: text/plain"),
    asks(b"Connection: close", body=b'{"account":"work","scopes":["mail","drive"]}'),
    asks(b"Connection: close", body=b'{"account":"nobody"}'),
    asks(b"Connection: close", body=b'{"scopes":["more"]}'),
    asks(b"Connection: close", body=b'{"scope":"drive"}'),
    asks(b"Connection: close", body=b'{"account":'),
    asks(b"Connection: close", body=b"\xff"),
    asks(b"Connection: close", body=b'{"min_ttl":3601}'),
]


@pytest.mark.parametrize("sent", SAMPLES)
@pytest.mark.parametrize("another_user", [0, 1])
def test_an_answer_is_the_one_of_the_http_server_header_by_header(
    sent: bytes, another_user: int, tmp_path: Path, run: Run
) -> None:
    async def compare() -> None:
        owner = os.geteuid() + another_user
        async with at_hand(tmp_path, owner_uid=owner) as served:
            world = served.world
            world.sender.answer_always(token_answer())
            behind = Served(world, tmp_path / "behind.sock", owner, front=False)
            await behind.start()
            with_front = parse(await served.converse(sent))
            without = parse(await behind.converse(sent))
            await behind.close()
        assert (with_front.status, with_front.body) == (without.status, without.body)
        dated = {
            name: value for name, value in without.headers.items() if name != "Date"
        }
        assert {**with_front.headers, **dated} == with_front.headers
        assert with_front.headers.keys() == without.headers.keys()

    run(compare())


def test_a_daemon_that_is_ending_says_when_to_ask_again(
    tmp_path: Path, run: Run
) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            await served.world.vault.close()
            said = parse(await served.converse(asks(b"Connection: close")))
        assert (said.status, said.code) == (503, "stopping")
        assert said.headers["Retry-After"] == "1"

    run(ask())


def test_a_kept_connection_is_answered_until_something_else_is_asked(
    tmp_path: Path, run: Run
) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            reader, writer = await asyncio.open_unix_connection(str(served.path))
            for request in (asks(), asks(), STATUS, asks(), STATUS, asks()):
                writer.write(request)
                answer = await reader.readuntil(b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
                lines = dict(line.split(b": ") for line in answer.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(lines[b"Content-Length"]))
                assert (b"access-1" in body) == (request == asks())
            writer.close()
            await writer.wait_closed()

    run(ask())


def test_requests_in_one_read_are_answered_in_their_order(
    tmp_path: Path, run: Run
) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            last = asks(b"Connection: close", b"Accept: text/plain")
            answer = await served.converse(asks() + STATUS + asks() + last)
        assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
        assert answer.count(b"access-1") == 3
        assert answer.endswith(b"\r\n\r\naccess-1")

    run(ask())


def test_a_request_in_two_reads_is_answered(tmp_path: Path, run: Run) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            for cut in (1, len(LINE), len(asks()) - 1):
                reader, writer = await asyncio.open_unix_connection(str(served.path))
                writer.write(asks(b"Connection: close")[:cut])
                await run_until_idle()
                writer.write(asks(b"Connection: close")[cut:])
                assert b"access-1" in await reader.read()
                writer.close()
                await writer.wait_closed()

    run(ask())


def test_whoever_has_said_all_that_he_will_say_is_still_answered(
    tmp_path: Path, run: Run
) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            assert b"access-1" in await served.converse(asks(), hang_up=True)

    run(ask())


def test_a_token_that_must_be_fetched_is_waited_for_behind_the_front(
    tmp_path: Path, run: Run
) -> None:
    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            served.world.sender.script(token_answer("access-2"))
            body = b'{"scopes":["drive"]}'
            for _ in range(2):
                answer = await served.converse(asks(b"Connection: close", body=body))
                assert b"access-2" in answer
            assert len(served.world.sender.requests) == 2

    run(ask())


# --- what it keeps apart -----------------------------------------------------------


async def met(served: Served) -> _Met:
    """The one connection that waits in the front."""
    while not (waiting := served.server._fronts[0]._waiting):
        await run_until_idle()
    (one,) = waiting
    return one


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
                while served.server._fronts[0]._next_look is not None:
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
                served.server._fronts[0]._end_the_idle()
                assert len(served.server._fronts[0]._waiting) == 1
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
            assert served.server._fronts[0]._waiting == set()
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
            while not served.server._fronts[0]._going_on:
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
            while served.server._fronts[0]._waiting:
                await run_until_idle()
            assert not served.server._fronts[0]._going_on

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
