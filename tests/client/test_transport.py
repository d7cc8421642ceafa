"""The same promises of both transports: the one that waits, and asyncio's."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from brokerd_client import aio, transport, trust
from brokerd_client.errors import (
    BrokerError,
    BrokerUnreachableError,
    ReplyMalformedError,
    SocketNotTrustedError,
)
from brokerd_client.trust import read_peer_uid
from brokerd_client.wire import MAX_REPLY_BYTES, Reply, request_bytes
from tests.fakes.broker import FakeBroker, Received, http, in_turn

REQUEST = request_bytes("GET", "/v1/status")
SHORT = 0.05
LONG = 30.0

Exchange = Callable[..., Reply]
PeerUid = Callable[[socket.socket], int]


def exchange_waiting(
    place: tuple[str, bool], timeout: float, peer_uid: PeerUid = read_peer_uid
) -> Reply:
    return transport.exchange(place, REQUEST, timeout, peer_uid=peer_uid)


def exchange_async(
    place: tuple[str, bool], timeout: float, peer_uid: PeerUid = read_peer_uid
) -> Reply:
    return asyncio.run(aio.exchange(place, REQUEST, timeout, peer_uid=peer_uid))


@pytest.fixture(params=[exchange_waiting, exchange_async], ids=["sync", "async"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    chosen: Exchange = request.param
    return chosen


@pytest.fixture
def path(runtime: Path) -> Path:
    return runtime / "broker.sock"


@dataclass
class FullQueue:
    """A listener whose queue has no room for one connection more."""

    listener: socket.socket
    waiting: list[socket.socket]


@pytest.fixture
def full_queue(path: Path) -> Iterator[FullQueue]:
    path.parent.mkdir(mode=0o700)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(0)
        waiting = []
        while (connection := transport.dial(str(path), 0)) is not None:
            waiting.append(stack.enter_context(connection))
        yield FullQueue(listener, waiting)


def answer_one(listener: socket.socket) -> threading.Thread:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(http(200, {}))

    thread = threading.Thread(target=serve, name="answer one")
    thread.start()
    return thread


def test_an_answer_is_read_whole(path: Path, exchange: Exchange) -> None:
    body = "x" * (MAX_REPLY_BYTES - 100)
    with FakeBroker(path, in_turn(http(200, text=body))):
        reply = exchange((str(path), False), LONG)

    assert reply.body == body.encode()


@pytest.mark.parametrize("named", [True, False])
def test_a_stranger_at_the_other_end_gets_no_byte(
    path: Path, exchange: Exchange, *, named: bool
) -> None:
    with (
        FakeBroker(path, in_turn()) as broker,
        pytest.raises(SocketNotTrustedError) as caught,
    ):
        exchange((str(path), named), LONG, lambda _: 4_000_000)

    assert broker.connections == 1
    assert broker.strays == [b""]
    assert caught.value.code == "socket_not_trusted"
    assert "uid 4000000" in caught.value.detail


def test_an_unsafe_default_folder_is_not_even_connected_to(
    path: Path, exchange: Exchange
) -> None:
    with FakeBroker(path, in_turn()) as broker:
        path.parent.chmod(0o755)
        with pytest.raises(SocketNotTrustedError):
            exchange((str(path), False), LONG)

    assert broker.connections == 0


def test_a_named_socket_out_of_reach_is_not_asked_for_its_uid(
    path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "is_out_of_reach", lambda _: True)
    with FakeBroker(path, in_turn(http(200, {}))):
        reply = exchange((str(path), True), LONG, lambda _: 4_000_000)

    assert reply.status == 200


def test_a_full_queue_is_tried_again_until_there_is_room(
    path: Path, full_queue: FullQueue
) -> None:
    """The kernel's own EAGAIN; room is made while the client waits."""
    waits: list[float] = []
    threads: list[threading.Thread] = []

    def make_room(seconds: float) -> None:
        waits.append(seconds)
        for _ in full_queue.waiting:
            full_queue.listener.accept()[0].close()
        threads.append(answer_one(full_queue.listener))

    reply = transport.exchange((str(path), False), REQUEST, LONG, sleep=make_room)
    threads[0].join()

    assert reply.status == 200
    assert waits == [transport.PAUSES[0]]


def test_a_queue_that_stays_full_ends_at_the_deadline(
    path: Path, full_queue: FullQueue, exchange: Exchange
) -> None:
    del full_queue
    with pytest.raises(BrokerUnreachableError) as caught:
        exchange((str(path), False), SHORT)

    assert caught.value.facts["cause"] == "timed_out"


def test_a_socket_that_nobody_listens_on_is_tried_a_few_times(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    waits: list[float] = []

    with pytest.raises(BrokerUnreachableError) as caught:
        transport.exchange((str(path), False), REQUEST, LONG, sleep=waits.append)

    assert waits == list(transport.PAUSES)
    assert caught.value.facts["cause"] == "not_running"


def test_a_broker_that_begins_to_listen_in_between_is_reached(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    threads: list[threading.Thread] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))

        def begin(_: float) -> None:
            listener.listen()
            threads.append(answer_one(listener))

        reply = transport.exchange((str(path), False), REQUEST, LONG, sleep=begin)
        threads[0].join()

    assert reply.status == 200


def test_a_broker_that_says_nothing_ends_at_the_deadline(
    path: Path, exchange: Exchange
) -> None:
    with (
        FakeBroker(path, in_turn(None)),
        pytest.raises(BrokerUnreachableError) as caught,
    ):
        exchange((str(path), False), SHORT)

    assert caught.value.facts["cause"] == "timed_out"
    assert caught.value.retryable


def test_an_answer_that_comes_before_the_request_is_read_is_heard(path: Path) -> None:
    """As a broker refuses a body that is too large: it answers and hangs up."""
    request = request_bytes("POST", "/v1/logins", {"account": "x" * 4_000_000})
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threads = [answer_one(listener), answer_one(listener)]
        place = (str(path), False)
        replies = [
            transport.exchange(place, request, LONG),
            asyncio.run(aio.exchange(place, request, LONG)),
        ]
        for thread in threads:
            thread.join()

    assert [reply.status for reply in replies] == [200, 200]


@pytest.mark.parametrize("length", [0, 10, 60])
def test_half_an_answer_is_none(path: Path, exchange: Exchange, length: int) -> None:
    whole = http(200, {"a": "b" * 40})
    with (
        FakeBroker(path, in_turn(whole[:length])),
        pytest.raises(BrokerUnreachableError) as caught,
    ):
        exchange((str(path), False), LONG)

    assert caught.value.facts["cause"] == "hung_up"


@pytest.mark.parametrize(
    "giant",
    [
        http(200, text="x" * (MAX_REPLY_BYTES + 1)),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (2 * MAX_REPLY_BYTES),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_REPLY_BYTES,
    ],
    ids=["announced", "endless", "head"],
)
def test_a_giant_answer_is_refused(
    path: Path, exchange: Exchange, giant: bytes
) -> None:
    with (
        FakeBroker(path, in_turn(giant)),
        pytest.raises(ReplyMalformedError),
    ):
        exchange((str(path), False), LONG)


def test_a_path_longer_than_a_socket_can_have_is_one_error(
    tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "is_out_of_reach", lambda _: True)
    with pytest.raises(BrokerError) as caught:
        exchange((f"{tmp_path}/{'x' * 200}", True), LONG)

    assert caught.value.facts["cause"] == "no_access"


async def test_a_cancelled_request_hangs_up(path: Path) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def keep_silent(_: Received) -> None:
        loop.call_soon_threadsafe(asked.set)

    # Leaving the block joins the fake's thread: it ends when the client hangs up.
    with FakeBroker(path, keep_silent):
        asking = asyncio.create_task(
            aio.exchange((str(path), False), REQUEST, LONG), name="asking"
        )
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
