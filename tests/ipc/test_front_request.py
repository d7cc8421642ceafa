"""What the front takes for a request: as aiohttp reads it, or not at all."""

import asyncio
import contextlib
import string

import pytest
from aiohttp import HttpVersion11
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from broker.ipc.front_request import (
    LONGEST_BODY,
    LONGEST_HEAD,
    Asked,
    Head,
    UnusualError,
    parse_asked,
    parse_token_request,
)
from broker.model.account import AccountName
from broker.services.served import TokenWanted
from tests.ipc.asks import LINE, asks


@pytest.mark.parametrize(
    "headers",
    [
        # As curl, requests, Go, Node and our own client send them.
        [b"User-Agent: curl/7.88.1", b"Accept: */*", b"Content-Type: application/x"],
        [b"Accept-Encoding: gzip, deflate", b"Accept: */*", b"Connection: keep-alive"],
        [b"User-Agent: Go-http-client/1.1", b"Accept-Encoding: gzip"],
        [b"accept: */*", b"accept-language: *", b"user-agent: node"],
        [b"Accept: application/json", b"Content-Type: application/json"],
        [b"Accept:*/*", b"User-Agent:   spaces   "],
    ],
)
def test_a_request_as_programs_send_it_is_understood(headers: list[bytes]) -> None:
    head, body = parse_token_request(asks(*headers))
    assert (body, head.close) == (b"{}", False)


def test_what_matters_of_the_headers_is_read() -> None:
    data = asks(b"ACCEPT:  text/plain ", b"connection: Close", body=b'{"account":"a"}')
    head = Head(length=15, accept="text/plain", close=True)
    assert parse_token_request(data) == (head, b'{"account":"a"}')
    wanted = TokenWanted(account=AccountName("a"))
    assert parse_asked(data) == Asked(
        wanted, accept="text/plain", close=True, form=(True, True)
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        LINE,
        LINE + b"\r\n",
        LINE + b"\r\n\r\n",
        asks(line=b"GET /v1/token HTTP/1.1\r\n"),
        asks(line=b"POST /v1/token HTTP/1.0\r\n"),
        asks(line=b"POST /v1/token?x=1 HTTP/1.1\r\n"),
        asks(line=b"POST http://b/v1/token HTTP/1.1\r\n"),
        asks(line=b"POST  /v1/token HTTP/1.1\r\n"),
        asks(line=b"POST /v1/token HTTP/1.1\n"),
        b"\r\n" + asks(),
        asks(body=b""),
        asks(body=b" " * (LONGEST_BODY + 1)),
        asks(b"User-Agent: " + b"x" * LONGEST_HEAD),
        asks()[:-1],
        asks() + b"\n",
        asks() + asks(),
        asks(b"Transfer-Encoding: chunked"),
        asks(b"Expect: 100-continue"),
        asks(b"Connection: Upgrade", b"Upgrade: h2c"),
        asks(b"Connection: keep-alive, close"),
        asks(b"Connection:"),
        asks(b"Content-Encoding: gzip"),
        asks(b"X-Any: thing"),
        asks(b"Host: c"),
        asks(b"Content-Length: 2"),
        asks(b"Accept: text/plain", b"Accept: */*"),
        asks(b"Accept : text/plain"),
        asks(b"Accept: a\r\n folded"),
        asks(b"Accept: a\nb"),
        asks(b"Accept: a\x00b"),
        asks(b"Accept: \xc3\xa9"),
        asks(b"Accept"),
        asks(b": empty"),
        LINE + b"Content-Length: 2\r\n\r\n{}",
        LINE + b"Host: b\r\n\r\n{}",
        *(
            LINE + b"Host: b\r\nContent-Length: %b\r\n\r\n{}" % length
            for length in (b"+2", b"02", b"0x2", b"2 ,2", b"2_", b"", b"-2", b"2.0")
        ),
    ],
)
def test_what_is_unusual_is_left_to_the_http_server(data: bytes) -> None:
    with pytest.raises(UnusualError):
        parse_token_request(data)


@pytest.mark.parametrize(
    "body", [b"null", b'{"scope":"a"}', b'{"a', b"\xff", b'{"min_ttl":-1}']
)
def test_a_body_that_is_no_request_is_left_to_the_http_server(body: bytes) -> None:
    with pytest.raises(UnusualError):
        parse_asked(asks(body=body))


NAMES = ["Host", "Accept", "Content-Length", "Connection", "User-Agent", "X", "Expect"]
VALUES = ["b", "2", "3", "02", "close", "keep-alive", "text/plain", "", " ", "chunked"]
PIECES = [
    "\r\n",
    "\n",
    "\r",
    ":",
    " ",
    "\t",
    "\0",
    "{}",
    "{} ",
    "\x7f",
    "é",
    LINE.decode(),
]
ODD = st.sampled_from([*NAMES, *VALUES, *PIECES]) | st.text(
    string.printable, max_size=3
)


@st.composite
def nearly_requests(draw: st.DrawFn) -> bytes:
    """A good request with some of it replaced, doubled or left out."""
    good = ["Host", ":", " b", "\r\n", "Content-Length", ":", " 2", "\r\n"]
    good += ["Accept", ":", " */*", "\r\n", "\r\n", "{}"]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(good)))
        good[at : at + draw(st.integers(0, 2))] = [draw(ODD)]
    return LINE + "".join(good).encode()


def as_aiohttp_reads_it(data: bytes) -> list[tuple[Head, bytes]] | None:
    """Every request in `data`; None where one is refused, or for another route."""
    loop = asyncio.new_event_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    try:
        messages, upgraded, tail = parser.feed_data(data)
        if upgraded or tail:
            return None
        requests = []
        for message, payload in messages:
            whole = (message.method, message.path, message.version)
            if whole != ("POST", "/v1/token", HttpVersion11) or message.chunked:
                return None
            if "Expect" in message.headers or not payload.is_eof():
                return None
            body = b"".join(payload._buffer)
            accept = message.headers.get("Accept", "")
            requests.append((Head(len(body), accept, message.should_close), body))
    except HttpProcessingError:
        return None
    finally:
        loop.close()
    return requests


@given(nearly_requests())
def test_the_front_reads_a_request_as_aiohttp_does_or_leaves_it(data: bytes) -> None:
    try:
        request = parse_token_request(data)
    except UnusualError:
        return
    assert as_aiohttp_reads_it(data) == [request]


@given(st.binary(min_size=1))
def test_no_body_makes_it_fail_otherwise(body: bytes) -> None:
    with contextlib.suppress(UnusualError):
        parse_asked(asks(body=body))


@given(st.binary(), st.sampled_from([b"", LINE]))
def test_no_bytes_make_it_fail_otherwise(data: bytes, first: bytes) -> None:
    with contextlib.suppress(UnusualError):
        parse_asked(first + data)


def test_what_is_not_understood_is_not_kept_and_little_else_is() -> None:
    parse_asked.cache_clear()
    strange = asks(b"Authorization: Bearer c4n4ry"), asks(body=b'{"token":"c4n4ry"}')
    for data in strange:
        with pytest.raises(UnusualError):
            parse_asked(data)
    assert parse_asked.cache_info().currsize == 0
    for number in range(1000):
        parse_asked(asks(b"User-Agent: %d" % number))
    assert parse_asked.cache_info().currsize <= 256
