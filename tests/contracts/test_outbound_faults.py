"""The outbound door against issuers that misbehave."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.model.errors import (
    BrokerError,
    IssuerMalformedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpRequest
from broker.model.time import Seconds
from broker.net.outbound import Deadlines, Outbound
from tests.contracts.raw_server import (
    Behaviour,
    answering,
    hanging,
    raw_server,
    resetting,
)

SOON = Deadlines(connect=Seconds(1), read=Seconds(1), total=Seconds(1))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SECRET = b"refresh_token=hush"


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    door = Outbound(version="1.2.3", largest_body=100_000)
    yield door
    await door.close()


@pytest.fixture
async def hurried() -> AsyncIterator[Outbound]:
    door = Outbound(version="1.2.3", deadlines=SOON)
    yield door
    await door.close()


def post(url: str, **headers: str) -> HttpRequest:
    return HttpRequest(method="POST", url=url, headers=headers, body=SECRET)


async def fault_of(door: Outbound, behaviour: Behaviour) -> BrokerError:
    async with raw_server(behaviour) as server:
        with pytest.raises(BrokerError) as fault:
            await door.send(post(server.url("/token?secret=hush")))
        assert "hush" not in str(fault.value)
        return fault.value


async def test_the_request_leaves_as_it_was_built(outbound: Outbound) -> None:
    async with raw_server(answering(OK)) as server:
        url = server.url("/a%2Fb?x=%41&y=+")
        await outbound.send(post(url, Authorization="Basic abc", Accept="a/b"))
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a%2Fb?x=%41&y=+ HTTP/1.1"
    assert body == SECRET
    assert {
        b"User-Agent: brokerd/1.2.3",
        b"Accept-Encoding: identity",
        b"Authorization: Basic abc",
        b"Accept: a/b",
    } <= set(lines)


async def test_a_connection_that_is_closed_at_once_is_named(outbound: Outbound) -> None:
    fault = await fault_of(outbound, answering(b""))
    assert isinstance(fault, IssuerUnreachableError)
    assert fault.what == "the connection was closed without an answer"
    assert fault.sent


async def test_a_reset_after_the_request_leaves_open_whether_it_was_read(
    outbound: Outbound,
) -> None:
    fault = await fault_of(outbound, resetting)
    assert isinstance(fault, IssuerUnreachableError)
    assert fault.what in {
        "connection reset",
        "the connection was closed without an answer",
    }
    assert fault.sent


async def test_a_refused_connection_has_sent_nothing(outbound: Outbound) -> None:
    with pytest.raises(IssuerUnreachableError) as fault:
        await outbound.send(post("http://127.0.0.1:1/"))
    assert (fault.value.what, fault.value.sent) == ("connection refused", False)


# RFC 6761 section 6.4: no name in .invalid is ever given out.
@pytest.mark.parametrize("host", ["issuer.invalid", "a..invalid", "a" * 64])
async def test_a_host_without_an_address_has_been_sent_nothing(
    outbound: Outbound, host: str
) -> None:
    with pytest.raises(IssuerUnreachableError) as fault:
        await outbound.send(post(f"https://{host}/token"))
    assert fault.value.what in {
        "no such host",
        "the name of the host could not be looked up",
    }
    assert not fault.value.sent


async def test_an_answer_that_ends_early_is_not_taken_for_a_whole_one(
    outbound: Outbound,
) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}"
    fault = await fault_of(outbound, answering(cut))
    assert isinstance(fault, IssuerUnreachableError)
    assert fault.what == "the answer was cut off"


async def test_an_issuer_that_says_nothing_is_given_up(hurried: Outbound) -> None:
    fault = await fault_of(hurried, hanging)
    assert isinstance(fault, IssuerUnreachableError)
    assert "no answer" in fault.what
    assert fault.sent


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n5;",
    ],
    ids=["header", "chunk"],
)
async def test_an_issuer_that_drips_its_head_is_given_up(
    hurried: Outbound, head: bytes
) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    fault = await fault_of(hurried, drip)
    assert isinstance(fault, IssuerUnreachableError)
    assert (fault.what, fault.sent) == ("no answer in 1 s", True)


async def test_an_issuer_that_says_continue_for_ever_is_given_up(
    hurried: Outbound,
) -> None:
    async def repeat(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    fault = await fault_of(hurried, repeat)
    assert isinstance(fault, IssuerUnreachableError)


async def test_a_continue_before_the_answer_is_passed_over(outbound: Outbound) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
    async with raw_server(answering(early + OK)) as server:
        got = await outbound.send(post(server.url()))
    assert (got.status, got.body) == (200, b"{}")


async def test_an_issuer_that_drips_is_given_up(hurried: Outbound) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _byte in range(100_000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    fault = await fault_of(hurried, drip)
    assert isinstance(fault, IssuerUnreachableError)
    assert fault.what == "no answer in 1 s"


async def test_a_body_over_the_cap_is_not_read_to_its_end(outbound: Outbound) -> None:
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
            sent += 0x10000

    fault = await fault_of(outbound, flood)
    assert isinstance(fault, IssuerMalformedError)
    assert fault.what == "sent over 100000 bytes"
    assert sent < 100_000_000


async def test_a_body_that_says_it_is_huge_is_not_read_to_its_end(
    outbound: Outbound,
) -> None:
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        for _megabyte in range(200):
            writer.write(b" " * 1_000_000)
            await writer.drain()
            sent += 1_000_000

    fault = await fault_of(outbound, flood)
    assert isinstance(fault, IssuerMalformedError)
    assert sent < 100_000_000


async def test_a_flood_of_cookies_is_refused(outbound: Outbound) -> None:
    flood = b"".join(b"Set-Cookie: c%d=%d\r\n" % (n, n) for n in range(10_000))
    answer = OK.replace(b"Content-", flood + b"Content-", 1)
    fault = await fault_of(outbound, answering(answer))
    assert isinstance(fault, IssuerMalformedError)


async def test_a_gzip_bomb_stays_small(outbound: Outbound) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\n" + head.encode() + bomb
    async with raw_server(answering(answer)) as server:
        got = await outbound.send(post(server.url()))
    assert got.body == bomb


async def test_cookies_are_neither_kept_nor_handed_on(outbound: Outbound) -> None:
    answer = OK.replace(b"\r\n", b"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n", 1)
    async with raw_server(answering(answer)) as server:
        # By its name: aiohttp's own jar takes none of a bare address.
        url = server.url().replace("127.0.0.1", "localhost")
        got = await outbound.send(post(url))
        await outbound.send(post(url))
    assert "set-cookie" not in got.headers
    assert b"cookie" not in server.received[1].lower()


async def test_what_an_issuer_quotes_of_a_request_goes_no_further(
    outbound: Outbound,
) -> None:
    answer = b"HTTP/1.1 403 No\r\nContent-Length: 13\r\n\r\nno: hush-hush"
    async with raw_server(answering(answer)) as server:
        url = server.url("/userinfo")
        heard = await outbound.send(post(url, Authorization="Bearer hush-hush"))
    assert b"hush" not in heard.body


async def test_repeated_headers_are_joined(outbound: Outbound) -> None:
    answer = OK.replace(b"\r\n", b"\r\nLink: a\r\nLINK: b\r\n", 1)
    async with raw_server(answering(answer)) as server:
        got = await outbound.send(post(server.url()))
    assert got.headers["link"] == "a, b"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"<html>hello</html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["ssh", "html", "length", "header"],
)
async def test_what_is_not_http_is_malformed(outbound: Outbound, answer: bytes) -> None:
    fault = await fault_of(outbound, answering(answer))
    assert isinstance(fault, IssuerMalformedError)


async def test_netrc_is_not_read(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hush\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with raw_server(answering(OK)) as server:
        await outbound.send(post(server.url()))
    assert b"authorization" not in server.received[0].lower()


async def test_no_log_line_holds_a_secret_or_a_query(
    outbound: Outbound, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await fault_of(outbound, answering(b""))
        async with raw_server(answering(OK)) as server:
            await outbound.send(post(server.url("/?secret=hush")))
    assert "outbound.send.complete" in caplog.text
    assert "hush" not in caplog.text
