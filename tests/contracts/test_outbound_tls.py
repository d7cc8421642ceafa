"""The outbound door and TLS: whom it trusts, and what it has sent where it does not."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop
from msgspec.structs import replace

from broker.config import NetworkConfig
from broker.model.client import ClientCertificate
from broker.model.errors import (
    ConfigError,
    CredentialFileError,
    IssuerUnreachableError,
)
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds
from broker.net.outbound import Deadlines, Outbound
from tests.contracts.certificates import Authority
from tests.contracts.raw_server import RawServer, answering, hanging, raw_server
from tests.oauth.keys import p256, pem

SOON = Deadlines(connect=Seconds(0.3), read=Seconds(0.3), total=Seconds(5))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Doors = Callable[[Outbound], Outbound]


@pytest.fixture
async def opened() -> AsyncIterator[Doors]:
    """Closes after the test what it is given."""
    async with AsyncExitStack() as stack:

        def keep(door: Outbound) -> Outbound:
            stack.push_async_callback(door.close)
            return door

        yield keep


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def trusting(path: Path, deadlines: Deadlines | None = None) -> Outbound:
    network = NetworkConfig(ca_file=str(path))
    return Outbound(version="1", network=network, deadlines=deadlines)


def post(url: str) -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=b"refresh_token=hush")


async def fault_of(door: Outbound, url: str) -> IssuerUnreachableError:
    with pytest.raises(IssuerUnreachableError) as fault:
        await door.send(post(url))
    return fault.value


async def test_an_authority_of_the_configuration_is_trusted(
    opened: Doors, authority: Authority
) -> None:
    door = opened(trusting(authority.path))
    async with raw_server(answering(OK), tls=authority.server("127.0.0.1")) as server:
        assert (await door.send(post(server.url()))).body == b"{}"


async def test_the_certificate_of_the_issuer_itself_may_be_named(
    opened: Doors, authority: Authority, tmp_path: Path
) -> None:
    tls = authority.server("127.0.0.1")
    door = opened(trusting(tmp_path / "server.pem"))
    async with raw_server(answering(OK), tls=tls) as server:
        assert (await door.send(post(server.url()))).body == b"{}"


async def test_an_authority_of_ssl_cert_file_is_trusted(
    opened: Doors, authority: Authority
) -> None:
    environ = {"SSL_CERT_FILE": str(authority.path)}
    door = opened(Outbound(version="1", environ=environ))
    async with raw_server(answering(OK), tls=authority.server("127.0.0.1")) as server:
        assert (await door.send(post(server.url()))).body == b"{}"


async def test_the_file_of_the_configuration_comes_before_the_variable(
    opened: Doors, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "Other Authority")
    door = opened(
        Outbound(
            version="1",
            network=NetworkConfig(ca_file=str(other.path)),
            environ={"SSL_CERT_FILE": str(authority.path)},
        )
    )
    async with raw_server(answering(OK), tls=authority.server("127.0.0.1")) as server:
        fault = await fault_of(door, server.url())
    assert fault.what.startswith("TLS certificate not trusted: ")


async def test_an_authority_that_is_nobodys_is_refused_before_anything_is_sent(
    opened: Doors, authority: Authority
) -> None:
    door = opened(Outbound(version="1"))
    async with raw_server(answering(OK), tls=authority.server("127.0.0.1")) as server:
        fault = await fault_of(door, server.url())
    assert fault.what == (
        "TLS certificate not trusted: unable to get local issuer certificate"
    )
    assert not fault.sent
    assert server.received == []


async def test_a_certificate_for_another_name_is_refused(
    opened: Doors, authority: Authority
) -> None:
    door = opened(trusting(authority.path))
    async with raw_server(answering(OK), tls=authority.server("a.example")) as server:
        fault = await fault_of(door, server.url())
    assert fault.what.startswith("TLS certificate not trusted: IP address mismatch")
    assert not fault.sent
    assert server.received == []


async def test_a_certificate_of_yesterday_is_refused(
    opened: Doors, authority: Authority
) -> None:
    door = opened(trusting(authority.path))
    expired = authority.server("127.0.0.1", expired=True)
    async with raw_server(answering(OK), tls=expired) as server:
        fault = await fault_of(door, server.url())
    assert fault.what == "TLS certificate not trusted: certificate has expired"
    assert not fault.sent


async def test_silence_before_tls_is_given_up_and_nothing_was_sent(
    opened: Doors,
) -> None:
    door = opened(Outbound(version="1", deadlines=SOON))
    async with raw_server(hanging) as server:
        fault = await fault_of(door, server.url().replace("http:", "https:"))
    assert (fault.what, fault.sent) == ("no connection in time", False)


async def test_silence_after_tls_is_given_up_and_may_have_been_read(
    opened: Doors, authority: Authority
) -> None:
    door = opened(trusting(authority.path, SOON))
    async with raw_server(hanging, tls=authority.server("127.0.0.1")) as server:
        fault = await fault_of(door, server.url())
    assert (fault.what, fault.sent) == ("no answer in time", True)
    assert len(server.received) == 1


async def test_plain_http_on_a_tls_port_is_named(opened: Doors) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    door = opened(Outbound(version="1"))
    listening = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        fault = await fault_of(door, f"https://127.0.0.1:{port}/")
    assert fault.what.startswith("TLS failed: ")
    assert not fault.sent


async def test_an_authority_that_is_added_is_trusted_without_a_restart(
    opened: Doors, authority: Authority, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(Authority(tmp_path, "Other Authority").path.read_bytes())
    door = opened(trusting(bundle))
    async with raw_server(answering(OK), tls=authority.server("127.0.0.1")) as server:
        await fault_of(door, server.url())
        bundle.write_bytes(bundle.read_bytes() + authority.path.read_bytes())
        assert (await door.send(post(server.url()))).body == b"{}"


async def test_a_variable_that_names_no_file_is_named(
    opened: Doors, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.pem"
    environ = {"SSL_CERT_FILE": str(missing)}
    door = opened(Outbound(version="1", environ=environ))
    fault = await fault_of(door, "https://127.0.0.1:1/")
    why = f"{missing} cannot be read: No such file or directory"
    assert (fault.what, fault.sent) == (f"SSL_CERT_FILE: {why}", False)


def test_a_file_of_the_configuration_is_looked_at_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        trusting(tmp_path / "missing.pem")
    assert refused.value.path == "network.ca_file"


def test_it_is_the_same_on_the_daemons_own_event_loop(authority: Authority) -> None:
    async def ask() -> tuple[HttpResponse, str]:
        door = trusting(authority.path)
        right, wrong = authority.server("127.0.0.1"), authority.server("a.example")
        async with (
            raw_server(answering(OK), tls=right) as server,
            raw_server(answering(OK), tls=wrong) as other,
        ):
            answer = await door.send(post(server.url()))
            fault = await fault_of(door, other.url())
        await door.close()
        return answer, fault.what

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answer, what = runner.run(ask())
    assert answer.body == b"{}"
    assert what.startswith("TLS certificate not trusted: IP address mismatch")


def showing(
    server: RawServer, certificate: Path, key: Path | None = None
) -> HttpRequest:
    shown = ClientCertificate(
        certificate=str(certificate), key=None if key is None else str(key)
    )
    return replace(post(server.url()), certificate=shown)


def asking(authority: Authority) -> ssl.SSLContext:
    """A server that lets nobody in without a certificate of this authority."""
    context = authority.server("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.path)
    return context


async def test_a_client_shows_its_certificate(
    opened: Doors, authority: Authority
) -> None:
    door = opened(trusting(authority.path))
    robot = authority.pair("robot", "robot.pem")
    async with raw_server(answering(OK), tls=asking(authority)) as server:
        assert (await door.send(showing(server, robot))).body == b"{}"
        # Only where it is to be shown: the next request is another client's.
        await fault_of(door, server.url())


async def test_a_certificate_that_was_renewed_is_shown_from_then_on(
    opened: Doors, authority: Authority
) -> None:
    door = opened(trusting(authority.path))
    robot = authority.pair("robot", "robot.pem", expired=True)
    async with raw_server(answering(OK), tls=asking(authority)) as server:
        with pytest.raises(CredentialFileError, match=r"robot\.pem has expired on "):
            await door.send(showing(server, robot))
        authority.pair("robot", "robot.pem")
        assert (await door.send(showing(server, robot))).body == b"{}"


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (lambda path: path.unlink(missing_ok=True), "cannot be read: No such file"),
        (lambda path: path.write_text("hello"), "no pair of PEM files"),
        (lambda path: path.write_text(pem(p256(), "sesame")), "without passphrase"),
        (lambda path: path.write_text(pem(p256())), "no pair of PEM files"),
    ],
)
async def test_a_key_that_cannot_be_used_is_named_and_nothing_is_sent(
    opened: Doors,
    authority: Authority,
    tmp_path: Path,
    write: Callable[[Path], object],
    what: str,
) -> None:
    door = opened(trusting(authority.path))
    write(key := tmp_path / "key.pem")
    robot = authority.pair("robot", "robot.pem")
    async with raw_server(answering(OK), tls=asking(authority)) as server:
        with pytest.raises(CredentialFileError, match="certificate: ") as fault:
            await door.send(showing(server, robot, key))
    assert what in fault.value.what
    assert fault.value.stays
