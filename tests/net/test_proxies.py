import pytest

from broker.model.errors import ConfigError
from broker.net.proxies import is_loopback, proxy_for

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
ISSUER = "https://accounts.example.com/token"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_without_variables_there_is_no_proxy() -> None:
    assert proxy_for(ISSUER) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://proxy.example.com:3128/")
    proxy = proxy_for(ISSUER)
    assert proxy is not None
    assert (proxy.url, proxy.headers) == ("http://proxy.example.com:3128", {})


def test_a_proxy_without_a_scheme_is_an_http_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example.com:3128")
    proxy = proxy_for(ISSUER)
    assert proxy is not None
    assert proxy.url == "http://proxy.example.com:3128"


def test_the_password_of_a_proxy_leaves_its_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:p%40ss@proxy.example.com:3128")
    proxy = proxy_for(ISSUER)
    assert proxy is not None
    assert proxy.url == "http://proxy.example.com:3128"
    # base64 of 'me:p@ss'
    assert proxy.headers == {"Proxy-Authorization": "Basic bWU6cEBzcw=="}
    assert "bWU6" not in repr(proxy)


def test_a_host_of_no_proxy_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "example.org, .example.com")
    assert proxy_for(ISSUER) is None
    assert proxy_for("https://login.example.net/") is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/t",
        "http://127.9.9.9/t",
        "http://[::1]:8000/t",
        "http://localhost:8000/t",
        "https://LOCALHOST/t",
    ],
)
def test_no_proxy_sees_what_goes_to_loopback(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    "value", ["socks5://me:hush@p:1080", "http://", "http://p:port", "ftp://p"]
)
def test_what_is_no_http_proxy_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ConfigError) as refused:
        proxy_for(ISSUER)
    assert refused.value.path == "HTTPS_PROXY"
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_these_hosts_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "::", "10.0.0.1", "127.0.0.1.example", "localhost.", ""],
)
def test_these_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)
