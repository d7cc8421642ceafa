"""Peers that send anything and read nothing: answered or closed, others unaffected."""

import contextlib
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.issuers import faulty_issuers
from tests.faults.peer import ask_token, connect, request, sign_in
from tests.faults.readings import descriptors, peers, resident
from tests.system.person import Person, daemon
from tests.system.waiting import wait_until

SEED = 20_261_127
"""The same mischief in each run."""

MOST_GROWTH = 20 * 1024 * 1024
"""Bytes."""
MANY = 100_000
IDLE = 1_000
AUDIT = 8
LATER = 90
"""Seconds: longer than the daemon waits for a peer that is not done."""

LAST_TOKEN = request("POST", "/v1/token", {"account": "quiet"})
TOKEN = LAST_TOKEN.replace(b"Connection: close\r\n", b"")
NUMBERS = (b"1e400", b"-1", b"9" * 400, b"NaN", b"0.1e-400")


@pytest.fixture
def pid(person: Person) -> Iterator[int]:
    """Of a daemon with one account, whose token is at hand."""
    with faulty_issuers() as issuers, daemon(person) as running:
        sign_in(person, issuers.open("quiet"))
        yield running.pid
        # Whatever was done to it: it is the same, and it still answers.
        assert running.poll() is None
        assert ask_token(person, "quiet").token


@pytest.fixture(autouse=True)
def _nothing_is_left(person: Person, pid: int) -> Iterator[None]:
    before = resident(pid)
    opened = descriptors(pid)
    yield
    wait_until(lambda: peers(pid, person.socket) == 0, "every peer is let go", LATER)
    # The audit holds its file, and for a while the processes that it has named.
    assert descriptors(pid) <= opened + AUDIT
    assert resident(pid) - before < MOST_GROWTH
    log = (person.home.parent / "brokerd.log").read_text()
    assert "Traceback" not in log


def said(person: Person, sent: bytes) -> bytes:
    """All that comes back until the daemon closes, or nothing more can."""
    with connect(person) as peer:
        peer.settimeout(LATER)
        try:
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: peer.recv(65536), b""))
        except (BrokenPipeError, ConnectionResetError):
            return b""


def is_told(answer: bytes) -> bool:
    """A refusal in the protocol's own words, or just the end."""
    return not answer or (status(answer) == b"4" and b'"code"' in answer)


def status(answer: bytes) -> bytes:
    """Its first digit; whoever speaks HTTP/1.0 is answered so."""
    return answer.removeprefix(b"HTTP/1.").partition(b" ")[2][:1]


def test_random_bytes(person: Person, pid: int) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same in each run
    for _ in range(300):
        assert is_told(said(person, chance.randbytes(chance.randrange(1, 3000))))
    assert pid


def test_a_request_with_bytes_changed_is_answered_or_refused(
    person: Person, pid: int
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same in each run
    for _ in range(500):
        mutant = bytearray(TOKEN)
        for _ in range(chance.randrange(1, 5)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        answer = said(person, bytes(mutant))
        assert is_told(answer) or status(answer) == b"2", answer
    assert pid


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"account": "quiet", "account": "quiet"}',
        b'{"account": "\xff\xfe"}',
        b'{"account": "\\ud800"}',
        b'{"scopes": [' + b'"a",' * 60_000 + b'"a"]}',
        *(b'{"account": "quiet", "min_ttl": %s}' % number for number in NUMBERS),
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_json_that_nobody_means(body: bytes, person: Person, pid: int) -> None:
    head = b"POST /v1/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = said(person, head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    # The least of the numbers is nought.
    assert is_told(answer) or body.endswith(b"e-400}")
    assert pid


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1000000000000000000",
        b"Content-Length: " + b"9" * 400,
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 5, 6",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: gzip",
        b"Content-Encoding: gzip\r\nContent-Length: 5",
        b"Expect: 100-continue\r\nContent-Length: 5",
        b"Expect: everything\r\nContent-Length: 5",
        b"X: " + b"x" * 1_000_000,
        b"\r\n".join(b"X-%d: x" % number for number in range(20_000)),
        b"X: a\r\n b",
        b": empty",
        b"No colon",
        b"X: \0\x01\x7f",
    ],
    ids=lambda head: head[:40].decode("latin-1"),
)
def test_a_head_that_nobody_means(head: bytes, person: Person, pid: int) -> None:
    begun = b"POST /v1/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    answer = said(person, begun + head + b"\r\n\r\n{}")
    # Whoever is asked to go on first is told so; and {} may be a whole request.
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert is_told(answer) or status(answer) == b"2", answer[:300]
    assert pid


ENDLESS = {
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\n     \r\n"),
    "a chunk": (b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n", b" " * 999),
    "a body": (b"Content-Length: 1000000000000\r\n\r\n", b" " * 999),
    "a million elements": (
        b'Content-Length: 4000012\r\n\r\n{"scopes":[',
        b'"a",' * 999,
    ),
    "headers": (b"", b"X: x\r\n"),
    "a header": (b"X: ", b"x" * 999),
    "a path": (b"\r\n\r\nGET /", b"x" * 999),
}
"""What goes before, and what comes again and again."""


def takes(peer: socket.socket, sent: bytes) -> bool:
    """Whether the other end is still there for it."""
    try:
        peer.sendall(sent)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_cut_off(kind: str, person: Person, pid: int) -> None:
    before = resident(pid)
    begun, again = ENDLESS[kind]
    with connect(person) as peer:
        peer.settimeout(LATER)
        peer.sendall(b"POST /v1/token HTTP/1.1\r\nHost: x\r\n" + begun)
        wait_until(lambda: not takes(peer, again * 100), "it is cut off", LATER)
        assert ask_token(person, "quiet").token
        assert resident(pid) - before < MOST_GROWTH


def test_half_a_request_is_let_go(person: Person, pid: int) -> None:
    halves = [TOKEN[:cut] for cut in (1, 20, len(TOKEN) // 2, len(TOKEN) - 1)]
    with ExitStack() as stack:
        for half in halves:
            peer = stack.enter_context(connect(person))
            peer.sendall(half)
        assert ask_token(person, "quiet").token
        wait_until(lambda: peers(pid, person.socket) == 0, "all are let go", LATER)


def test_one_byte_at_a_time_is_a_request_like_any_other(
    person: Person, pid: int
) -> None:
    with connect(person) as peer:
        peer.settimeout(LATER)
        for byte in TOKEN:
            peer.sendall(bytes([byte]))
        assert peer.recv(65536).startswith(b"HTTP/1.1 200")
    assert pid


def test_a_peer_that_reads_nothing_is_not_read_either(person: Person, pid: int) -> None:
    before = resident(pid)
    with connect(person) as peer:
        peer.settimeout(2)
        sent = 0
        try:
            while sent < MANY:
                peer.sendall(TOKEN * 100)
                sent += 100
        except TimeoutError:
            pass
        assert sent < MANY
        assert ask_token(person, "quiet").token
        assert resident(pid) - before < MOST_GROWTH


def test_a_peer_that_never_reads_is_let_go(person: Person, pid: int) -> None:
    with connect(person) as peer:
        peer.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while takes(peer, TOKEN * 100):
                pass
        wait_until(lambda: peers(pid, person.socket) == 0, "it is let go", LATER)
    assert ask_token(person, "quiet").token


def test_peers_that_leave_while_they_are_served_take_nothing_with_them(
    person: Person, pid: int
) -> None:
    fresh = request("POST", "/v1/token", {"account": "quiet", "min_ttl": 86_000})
    for sent in (TOKEN, TOKEN * 50, fresh, fresh[:-1]) * 50:
        with connect(person) as peer:
            peer.sendall(sent)
    wait_until(lambda: peers(pid, person.socket) == 0, "all are let go", LATER)
    assert ask_token(person, "quiet").token


def test_a_thousand_idle_peers_keep_nobody_from_being_served(
    person: Person, pid: int
) -> None:
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(connect(person))
        wait_until(lambda: peers(pid, person.socket) >= IDLE, "all are let in")
        assert ask_token(person, "quiet").token
        wait_until(lambda: peers(pid, person.socket) == 0, "all are let go", LATER)


def test_many_requests_in_one_write_are_answered_in_their_order(
    person: Person, pid: int
) -> None:
    other = TOKEN.replace(b"quiet", b"nobod")
    with connect(person) as peer:
        peer.settimeout(LATER)
        peer.sendall((TOKEN + other) * 50 + LAST_TOKEN)
        answers = b"".join(iter(lambda: peer.recv(65536), b""))
    statuses = [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [*[b"200", b"404"] * 50, b"200"]
    assert pid
