"""The front: its answers are the HTTP server's own."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.fakes.clock import run_until_idle
from tests.ipc.asks import LINE, asks
from tests.ipc.at_hand import STATUS, Run, at_hand
from tests.ipc.served import Served, parse
from tests.services.world import token_answer

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


def test_each_way_of_asking_has_its_own_answer_however_often_it_is_asked(
    tmp_path: Path, run: Run
) -> None:
    last, plain = b"Connection: close", b"Accept: text/plain"

    async def ask() -> None:
        async with at_hand(tmp_path) as served:
            for _ in range(2):
                json = await served.converse(asks(), hang_up=True)
                bare = await served.converse(asks(plain), hang_up=True)
                for kept in (json, bare):
                    assert last not in kept
                for ended in (asks(last), asks(last, plain)):
                    assert last in await served.converse(ended)
                assert b'"access_token":"access-1"' in json
                assert bare.endswith(b"\r\n\r\naccess-1")

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
