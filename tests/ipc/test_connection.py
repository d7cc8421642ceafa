"""What peers send that is no request, or only half of one, and how that ends."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

import pytest

from broker.daemon import _loop_factory
from broker.ipc import connection, server, web
from broker.ipc.connection import Begun, PeerConnection
from tests.fakes.clock import run_until_idle
from tests.ipc.served import Served, parse

MANY = 1_000
"""Requests at once: many more than aiohttp lets wait."""

CHUNKED = b"POST /v1/token HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n"
HOSTILE = [
    b"\x00\xff\xfe c4n4ry\r\n\r\n",
    b"c4n4ry\r\n\r\n",
    b"GET /v1/status HTTP/9.9\r\nX: c4n4ry\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nbad header c4n4ry\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nHost: b\r\nX: " + b"c4n4ry" * 5000 + b"\r\n\r\n",
    b"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: c4n4ry\r\n\r\n",
    CHUNKED + b"Content-Length: 2\r\n\r\nc4n4ry",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03c4n4ry\r\n\r\n",
    b"GET /" + b"c4n4ry" * 5000 + b" HTTP/1.1\r\nHost: b\r\n\r\n",
    CHUNKED + b"\r\nc4n4ry\r\n",
]


@pytest.mark.parametrize("sent", HOSTILE)
async def test_bytes_that_are_not_http_are_a_bad_request_and_quoted_nowhere(
    served: Served, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    said = parse(await served.converse(sent))
    assert (said.status, said.code) == (400, "bad_request")
    assert b"c4n4ry" not in said.body
    assert "c4n4ry" not in caplog.text
    assert "Traceback" not in caplog.text
    assert (await served.ask("GET", "/v1/status")).status == 200


HEAD = b"POST /v1/token HTTP/1.1\r\nHost: b\r\n"
HALF_BODY = HEAD + b"Content-Length: 9\r\n\r\n{"


@pytest.mark.parametrize("sent", [b"P", HEAD, HALF_BODY])
async def test_a_peer_that_hangs_up_halfway_is_no_mistake_of_ours(
    served: Served, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await served.converse(sent, hang_up=True) == b""
    assert (await served.ask("GET", "/v1/status")).status == 200
    assert [one for one in caplog.records if one.levelno > logging.INFO] == []


@pytest.mark.parametrize("sent", [b"", b"P", HEAD, HALF_BODY])
async def test_half_a_request_does_not_hold_up_the_end(
    served: Served, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 3600)
    monkeypatch.setattr(server, "STOP_SECONDS", 3600)
    reader, writer = await asyncio.open_unix_connection(str(served.path))
    writer.write(sent)
    await run_until_idle()
    async with asyncio.timeout(10):  # a server that waits on would hang the suite
        await served.server.close()
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_what_a_peer_sends_after_its_answer_does_not_hold_up_the_end(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.01)
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.01)
    monkeypatch.setattr(server, "STOP_SECONDS", 3600)
    reader, writer = await asyncio.open_unix_connection(str(served.path))
    writer.write(HALF_BODY)
    async with asyncio.timeout(5):  # less than aiohttp would linger
        answer = await reader.readuntil(b"\r\n\r\n")
        await served.server.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("begun", "heard"),
    [
        (Begun(unsent=b"the rest", is_last=True), b"the rest"),
        (Begun(read=b"\0\r\n\r\n", unsent=b"the rest "), b"the rest HTTP/1.0 400 "),
    ],
)
async def test_a_connection_goes_on_where_whoever_had_it_before_has_stopped(
    served: Served, begun: Begun, heard: bytes
) -> None:
    http = served.behind
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    await asyncio.get_running_loop().connect_accepted_socket(
        lambda: PeerConnection(http, refuse=server._refusal, begun=begun), ours
    )
    assert (await reader.read()).startswith(heard)
    writer.close()
    await writer.wait_closed()


def test_one_that_begins_with_more_than_may_wait_is_not_read_on() -> None:
    # The daemon's own loop: another one does not begin to read what has been paused.
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(begin_with_more_than_may_wait())


async def begin_with_more_than_may_wait() -> None:
    go_on = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response()

    http = web.server(handler, largest_body=lambda _: 0)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    begun = Begun(read=b"GET / HTTP/1.1\r\nHost: b\r\n\r\n" * MANY)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        lambda: PeerConnection(http, refuse=server._refusal, begun=begun), ours
    )
    await run_until_idle()
    assert not transport.is_reading()
    go_on.set()
    for _ in range(MANY):  # and when they have been answered, it is read again
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert transport.is_reading()
    await http.shutdown(0.01)
    writer.close()
    await writer.wait_closed()


async def test_a_peer_that_takes_nothing_of_its_answers_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.01)
    reader, writer = await asyncio.open_unix_connection(str(served.path))
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    asked = b"GET /v1/status HTTP/1.1\r\nHost: b\r\n\r\n" * 1_000
    try:
        async with asyncio.timeout(20):  # a server that waits on would hang the suite
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await write_for_ever(writer, asked)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()


async def write_for_ever(writer: asyncio.StreamWriter, asked: bytes) -> None:
    """Until there is no room, and then until the connection is no more."""
    while True:
        writer.write(asked)
        await writer.drain()
        await asyncio.sleep(0)


class Unread(asyncio.Transport):
    """A transport whose peer takes what a test says."""

    def __init__(self, *left: int) -> None:
        super().__init__()
        self.left = list(left)
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        assert (high, low) == (0, None)

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        """It is left to the test to say that the connection is lost."""


@pytest.fixture
def unread(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Unread], PeerConnection]:
    """A connection over that transport, of whose answer something is unsent."""
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0)

    def made(transport: Unread) -> PeerConnection:
        peer = PeerConnection(served.behind, refuse=server._refusal)
        peer.connection_made(transport)
        peer.pause_writing()
        return peer

    return made


async def test_a_peer_that_reads_slowly_is_waited_for(
    unread: Callable[[Unread], PeerConnection],
) -> None:
    slow = Unread(300, 200, 200, 100, 100, 100)
    peer = unread(slow)
    async with asyncio.timeout(10):
        await slow.aborted.wait()
    assert slow.left == [100]
    peer.connection_lost(None)


async def test_what_is_read_at_last_and_what_is_listened_to_is_not_cut_off(
    unread: Callable[[Unread], PeerConnection],
) -> None:
    read, listened = Unread(9), Unread(9)
    peer, listener = unread(read), unread(listened)
    peer.resume_writing()

    async def listen() -> None:
        listener.begin_stream()
        await asyncio.Event().wait()

    listening = asyncio.create_task(listen())
    await run_until_idle()
    assert not read.aborted.is_set()
    assert not listened.aborted.is_set()
    for each in (peer, listener):
        each.connection_lost(None)
    await asyncio.gather(listening, return_exceptions=True)
