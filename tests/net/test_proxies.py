import pytest

from broker.config import NetworkConfig
from broker.model.errors import ConfigError
from broker.model.secret import Secret
from broker.net import proxies
from broker.net.proxies import (
    Proxy,
    chosen_proxies,
    is_link_local,
    is_loopback,
    parse_proxy,
)

ISSUER = "https://accounts.example.com/token"
PROXY = "http://proxy.example.com:3128"


def proxy_for(
    url: str = ISSUER, config: NetworkConfig | None = None, /, **environ: str
) -> Proxy | None:
    return chosen_proxies(config or NetworkConfig(), environ).proxy_for(url)


def url_for(
    url: str = ISSUER, config: NetworkConfig | None = None, /, **environ: str
) -> str | None:
    proxy = proxy_for(url, config, **environ)
    return None if proxy is None else proxy.url


def test_without_variables_there_is_no_proxy() -> None:
    assert proxy_for() is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_taken(name: str) -> None:
    proxy = proxy_for(**{name: f"{PROXY}/"})
    assert proxy is not None
    assert (proxy.url, proxy.headers) == (PROXY, {})


def test_lower_case_comes_before_upper_and_https_before_all() -> None:
    assert url_for(https_proxy=PROXY, HTTPS_PROXY="http://b") == PROXY
    assert url_for(HTTPS_PROXY=PROXY, all_proxy="http://b") == PROXY


def test_an_empty_variable_is_none() -> None:
    assert url_for(https_proxy="", HTTPS_PROXY=PROXY) == PROXY
    assert url_for(https_proxy="", all_proxy="") is None


def test_the_proxy_for_plain_http_is_none_for_issuers() -> None:
    assert url_for(HTTP_PROXY=PROXY, http_proxy=PROXY) is None


def test_the_configuration_comes_before_the_environment() -> None:
    config = NetworkConfig(proxy=Secret(PROXY))
    assert url_for(ISSUER, config, https_proxy="http://b") == PROXY


def test_none_in_the_configuration_is_no_proxy_whatever_the_environment_says() -> None:
    assert proxy_for(ISSUER, NetworkConfig(direct=True), https_proxy=PROXY) is None


def test_a_proxy_without_a_scheme_is_an_http_one() -> None:
    assert url_for(https_proxy="proxy.example.com:3128") == PROXY
    assert url_for(https_proxy="[2001:db8::1]:3128") == "http://[2001:db8::1]:3128"


def test_user_and_password_leave_the_url() -> None:
    proxy = proxy_for(https_proxy="http://me:p%40ss@proxy.example.com:3128")
    assert proxy is not None
    assert proxy.url == PROXY
    # base64 of 'me:p@ss'
    assert proxy.headers == {"Proxy-Authorization": "Basic bWU6cEBzcw=="}
    assert "p@ss" not in repr(proxy)


def test_a_user_without_a_password_is_sent_as_one() -> None:
    # base64 of 'me:'
    expected = {"Proxy-Authorization": "Basic bWU6"}
    assert parse_proxy("http://me@p", "x").headers == expected


@pytest.mark.parametrize(
    ("url", "port"), [("socks5://p", 1080), ("socks5h://p:9050", 9050)]
)
def test_a_socks_proxy_has_a_port_of_its_own(url: str, port: int) -> None:
    proxy = proxy_for(all_proxy=url)
    assert proxy is not None
    assert (proxy.is_socks, proxy.socks_port) == (True, port)


@pytest.mark.parametrize("exceptions", ["example.org, .example.com", "b example.com"])
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_host_of_no_proxy_is_reached_directly(name: str, exceptions: str) -> None:
    environ = {"https_proxy": PROXY, name: exceptions}
    assert proxy_for(**environ) is None
    assert proxy_for("https://login.example.net/", **environ) is not None


def test_no_proxy_of_the_environment_excepts_from_the_configured_proxy() -> None:
    config = NetworkConfig(proxy=Secret(PROXY))
    assert proxy_for(ISSUER, config, no_proxy="example.com") is None


def test_exceptions_of_the_configuration_replace_those_of_the_environment() -> None:
    config = NetworkConfig(no_proxy=("example.net",))
    environ = {"https_proxy": PROXY, "no_proxy": "example.com"}
    assert proxy_for(ISSUER, config, **environ) is not None
    assert proxy_for("https://example.net/", config, **environ) is None


def test_an_exception_with_a_port_is_for_that_port() -> None:
    environ = {"https_proxy": PROXY, "no_proxy": "example.com:8443"}
    assert proxy_for("https://example.com:8443/", **environ) is None
    assert proxy_for("https://example.com/", **environ) is not None


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
def test_no_proxy_sees_what_goes_to_loopback(url: str) -> None:
    assert proxy_for(url, NetworkConfig(proxy=Secret(PROXY))) is None


NO_PROXIES = ["socks4://me:hush@p:1080", "http://", "http://p:port", "ftp://hush@p"]


@pytest.mark.parametrize("value", NO_PROXIES)
def test_what_is_no_proxy_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        proxy_for(HTTPS_PROXY=value)
    assert refused.value.path == "HTTPS_PROXY"
    kinds = "http://, https://, socks5://, socks5h://"
    assert refused.value.what == f"it names no proxy; there are {kinds}"


@pytest.mark.parametrize("value", NO_PROXIES)
def test_in_the_configuration_it_is_refused_at_once(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        chosen_proxies(NetworkConfig(proxy=Secret(value)), {})
    assert refused.value.path == "network.proxy"
    assert "hush" not in str(refused.value)


def test_a_broken_variable_harms_only_what_it_is_for() -> None:
    environ = {"HTTPS_PROXY": "ftp://p", "NO_PROXY": "example.com"}
    assert proxy_for(ISSUER, **environ) is None
    assert proxy_for("http://127.0.0.1/", **environ) is None


def test_without_the_extra_a_socks_proxy_is_refused_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxies, "has_socks", lambda: False)
    with pytest.raises(ConfigError, match="pipx inject brokerd aiohttp-socks"):
        proxy_for(all_proxy="socks5://p")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_these_hosts_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "::", "10.0.0.1", "127.0.0.1.example", "localhost.", ""],
)
def test_these_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["169.254.169.254", "fe80::1", "fd00:ec2::254"])
def test_these_addresses_are_of_this_link_alone(host: str) -> None:
    assert is_link_local(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "fd00:ec2::253", "link-local", ""])
def test_these_are_not(host: str) -> None:
    assert not is_link_local(host)
