"""The outbound door against issuers that misbehave."""

import asyncio
import gzip
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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

SOON = Deadlines(connect=Seconds(0.2), read=Seconds(0.2), total=Seconds(0.2))
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


async def test_a_reset_is_named(outbound: Outbound) -> None:
    fault = await fault_of(outbound, resetting)
    assert isinstance(fault, IssuerUnreachableError)


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


async def test_an_issuer_that_drips_is_given_up(hurried: Outbound) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _byte in range(100_000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    fault = await fault_of(hurried, drip)
    assert isinstance(fault, IssuerUnreachableError)
    assert fault.what == "no answer in 0.2 s"


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
        got = await outbound.send(post(server.url()))
        await outbound.send(post(server.url()))
    assert "set-cookie" not in got.headers
    assert b"cookie" not in server.received[1].lower()


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


async def test_an_https_request_asks_the_proxy_for_a_tunnel(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    refusal = b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(answering(refusal)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{proxy.port}")
        with pytest.raises(IssuerUnreachableError) as fault:
            await outbound.send(post("https://issuer.example/token"))
    assert fault.value.what == "the proxy answered 407"
    tunnel = proxy.received[0]
    assert tunnel.startswith(b"CONNECT issuer.example:443 ")
    assert b"Proxy-Authorization: Basic bWU6cHc=\r\n" in tunnel
    assert b"hush" not in tunnel


async def test_no_log_line_holds_a_secret_or_a_query(
    outbound: Outbound, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await fault_of(outbound, answering(b""))
        async with raw_server(answering(OK)) as server:
            await outbound.send(post(server.url("/?secret=hush")))
    assert "outbound.send.complete" in caplog.text
    assert "hush" not in caplog.text


class Certificate:
    """A self-signed certificate for one name, in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = datetime.now(UTC) - timedelta(days=1)
        try:
            general: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            general = x509.DNSName(name)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([general]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.path = folder / "certificate.pem"
        self.path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.path)
        return context


async def test_a_certificate_of_ssl_cert_file_is_trusted(
    outbound: Outbound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    async with raw_server(answering(OK), tls=certificate.server_context()) as server:
        assert (await outbound.send(post(server.url()))).body == b"{}"


async def test_a_certificate_of_nobody_is_refused(
    outbound: Outbound, tmp_path: Path
) -> None:
    certificate = Certificate(tmp_path, "127.0.0.1")
    async with raw_server(answering(OK), tls=certificate.server_context()) as server:
        with pytest.raises(IssuerUnreachableError) as fault:
            await outbound.send(post(server.url()))
    assert fault.value.what == "TLS certificate not trusted: self-signed certificate"
    assert server.received == []


async def test_a_certificate_for_another_name_is_refused(
    outbound: Outbound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = Certificate(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    async with raw_server(answering(OK), tls=certificate.server_context()) as server:
        with pytest.raises(IssuerUnreachableError, match="TLS certificate not trusted"):
            await outbound.send(post(server.url()))
    assert server.received == []


async def test_plain_http_on_a_tls_port_is_named(outbound: Outbound) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    listening = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        with pytest.raises(IssuerUnreachableError, match="TLS failed"):
            await outbound.send(post(f"https://127.0.0.1:{port}/"))
