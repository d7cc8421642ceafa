import pytest

from broker.model.errors import IssuerInvalidError
from broker.model.http import HttpRequest
from broker.model.time import UnixTime
from broker.net.outbound import Deadlines, Outbound, origin_of
from brokerd_client.client import DEFAULT_TIMEOUT
from tests.contracts.raw_server import answering, raw_server

HALF_PAST = UnixTime(1_800_001_800)  # eight, on 15 January 2027
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example/token?x=1", "https://a.example"),
        ("https://a.example:8443/token", "https://a.example:8443"),
        ("http://127.0.0.1:8080/token", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/token", "http://[::1]:8080"),
        ("http://localhost/token", "http://localhost"),
    ],
)
def test_a_request_may_go_to_https_and_to_loopback(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]"])
def test_a_request_to_the_machines_own_metadata_may_go_in_the_clear(host: str) -> None:
    url = f"http://{host}/latest"
    assert origin_of(url, to_metadata=True) == f"http://{host}"
    with pytest.raises(IssuerInvalidError):
        origin_of(url)


def test_the_machines_own_metadata_is_reached_without_a_proxy() -> None:
    door = Outbound(version="1", environ={"https_proxy": "http://127.0.0.1:3128"})
    url = "http://169.254.169.254/latest"
    own = HttpRequest(method="GET", url=url, to_metadata=True)
    assert door._proxy_for(own) is None
    assert door._proxy_for(HttpRequest(method="GET", url="https://a.example/"))


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "metadata.google.internal", "169.254.169.254.example"]
)
def test_and_to_nobody_else(host: str) -> None:
    with pytest.raises(IssuerInvalidError):
        origin_of(f"http://{host}/latest", to_metadata=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/token",
        "http://127.0.0.1.example/token",
        "ftp://a.example/token",
        "https:///token",
        "https://me:hush@a.example/token",
        "https://me@a.example/token",
        "https://a.example:port/token",
        "https://[::1/token",
        "/token",
        "",
    ],
)
async def test_no_secret_leaves_for_any_other_url(url: str) -> None:
    outbound = Outbound(version="1")
    with pytest.raises(IssuerInvalidError) as refused:
        await outbound.send(HttpRequest(method="POST", url=url, body=b"hush"))
    assert "hush" not in str(refused.value)


async def test_closing_a_door_that_was_never_opened_does_nothing() -> None:
    await Outbound(version="1").close()


async def test_the_issuers_clock_is_read() -> None:
    door = Outbound(version="1")
    date = b"\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
    async with raw_server(answering(OK.replace(b"\r\n", date, 1))) as server:
        got = await door.send(HttpRequest(method="POST", url=server.url()))
    await door.close()
    assert got.date == UnixTime(1_800_000_000)


def test_a_program_hears_that_an_issuer_is_too_slow_before_it_gives_up_itself() -> None:
    a_slow_disk_and_a_busy_machine = 5
    assert Deadlines().total + a_slow_disk_and_a_busy_machine <= DEFAULT_TIMEOUT
