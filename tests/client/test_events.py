"""The stream of events: each of its lines, however it is cut, and how it ends."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brokerd_client import (
    AsyncBrokerClient,
    BrokerClient,
    BrokerError,
    BrokerUnreachableError,
    ReplyMalformedError,
)
from brokerd_client.events import EventReader
from tests.fakes.broker import FakeBroker, in_turn, problem_reply

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
HELLO = {"event": "listening", "at": 1}
RENEWED = {"event": "token_renewed", "at": 2, "account": "work"}
LAST = {"event": "stopping", "at": 3}
PLACE = ("/run/broker.sock", False)

Hear = Callable[[], list[object]]


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def line(event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def hear_waiting() -> list[object]:
    return list(BrokerClient().events())


def hear_async() -> list[object]:
    async def hear() -> list[object]:
        return [event async for event in AsyncBrokerClient().events()]

    return asyncio.run(hear())


@pytest.fixture(params=[hear_waiting, hear_async], ids=["sync", "async"])
def hear(request: pytest.FixtureRequest) -> Hear:
    chosen: Hear = request.param
    return chosen


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    stream = HEAD + chunk(line(HELLO) + line(RENEWED)[:9])
    stream += chunk(line(RENEWED)[9:]) + chunk(line(LAST))
    reader = EventReader(PLACE)
    heard: list[object] = []
    for start in range(0, len(stream), size):
        assert not reader.ended
        heard += reader.feed(stream[start : start + size])
        if reader.ended:
            break
    assert heard == [HELLO, RENEWED, LAST]


def test_a_day_of_events_fits_through_a_reader_of_one_mebibyte() -> None:
    reader = EventReader(PLACE)
    reader.feed(HEAD)
    event = {**RENEWED, "reason": "x" * 1000}
    for _ in range(3000):
        assert reader.feed(chunk(line(event))) == [event]


def test_a_line_without_an_end_is_refused() -> None:
    reader = EventReader(PLACE)
    reader.feed(HEAD)
    most = 1024 * 1024
    for _ in range(16):
        assert reader.feed(chunk(b"x" * (most // 16))) == []
    with pytest.raises(ReplyMalformedError):
        reader.feed(chunk(b"x"))


@pytest.mark.parametrize("said", [b"nonsense\n", b"[]\n", b'{"at": 1}\n', b"\n"])
def test_a_line_that_is_no_event_is_refused(said: bytes) -> None:
    with pytest.raises(ReplyMalformedError):
        EventReader(PLACE).feed(HEAD + chunk(said))


@pytest.mark.parametrize(
    "end", [b"", b"0\r\n\r\n", b"5\r\n"], ids=["cut", "ended", "cut in a chunk"]
)
def test_an_end_without_a_word_is_an_error_after_what_was_heard(
    runtime: Path, end: bytes
) -> None:
    reply = HEAD + chunk(line(HELLO)) + end
    with FakeBroker(runtime / "broker.sock", in_turn(reply)):
        events = BrokerClient().events()
        assert next(events) == HELLO
        with pytest.raises(BrokerUnreachableError) as caught:
            next(events)
    assert caught.value.facts["cause"] == "hung_up"


def test_a_problem_is_its_error(runtime: Path, hear: Hear) -> None:
    reply = problem_reply(503, "too_many_listeners", most=64)
    with (
        FakeBroker(runtime / "broker.sock", in_turn(reply)),
        pytest.raises(BrokerError) as caught,
    ):
        hear()
    assert (caught.value.code, caught.value.facts) == (
        "too_many_listeners",
        {"most": 64},
    )
    assert caught.value.retryable


def test_no_broker_is_an_error_that_says_so(runtime: Path, hear: Hear) -> None:
    del runtime
    with pytest.raises(BrokerUnreachableError) as caught:
        hear()
    assert caught.value.facts["cause"] == "not_running"


def test_only_the_first_event_has_a_deadline(runtime: Path) -> None:
    with FakeBroker(runtime / "broker.sock", in_turn(None)):
        with pytest.raises(BrokerUnreachableError) as caught:
            next(BrokerClient(timeout=0.05).events())
        assert caught.value.facts["cause"] == "timed_out"


@contextlib.contextmanager
def slow_broker(path: Path) -> Iterator[threading.Event]:
    """Says hello, and the rest when the event is set."""
    path.parent.mkdir(mode=0o700)
    go_on = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(HEAD + chunk(line(HELLO)))
                go_on.wait()
                with contextlib.suppress(ConnectionError):
                    connection.sendall(chunk(line(LAST)))

        thread = threading.Thread(target=serve, name="slow broker")
        thread.start()
        yield go_on
        go_on.set()
        thread.join()


def test_the_next_event_may_take_as_long_as_it_likes(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []
    settimeout = socket.socket.settimeout

    def noted(connection: socket.socket, limit: float | None) -> None:
        limits.append(limit)
        settimeout(connection, limit)

    monkeypatch.setattr(socket.socket, "settimeout", noted)
    with slow_broker(runtime / "broker.sock") as go_on:
        events = BrokerClient().events()
        assert next(events) == HELLO
        assert limits[-1] is None
        go_on.set()
        assert next(events) == LAST


def test_whoever_listens_no_more_hangs_up(runtime: Path) -> None:
    reply = HEAD + chunk(line(HELLO))
    with FakeBroker(
        runtime / "broker.sock", lambda _: reply, keeps_open=True
    ) as broker:
        events = BrokerClient().events()
        next(events)
        events.close()
    assert broker.connections == 1


async def test_whoever_listens_no_more_hangs_up_in_asyncio_too(runtime: Path) -> None:
    reply = HEAD + chunk(line(HELLO))
    with FakeBroker(
        runtime / "broker.sock", lambda _: reply, keeps_open=True
    ) as broker:
        events = AsyncBrokerClient().events()
        assert await anext(events) == HELLO
        await events.aclose()
    assert broker.connections == 1
