import pytest

from broker.model.errors import IssuerInvalidError
from broker.model.http import HttpRequest
from broker.net.outbound import Outbound, origin_of


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
