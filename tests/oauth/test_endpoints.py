import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.errors import IssuerInvalidError
from broker.oauth.endpoints import (
    check_endpoint,
    endpoint_host,
    is_loopback,
    parse_issuer_url,
)

TAKEN = [
    "https://accounts.google.com",
    "https://issuer.example/tenant/v2.0",
    "https://issuer.example/",
    "https://Issuer.Example:8443/a%20b",
    "https://[2001:db8::1]:8443",
    "https://xn--bcher-kva.example",
    "http://127.0.0.1:8080",
    "http://127.8.9.10",
    "http://[::1]:8080/x",
    "http://localhost:8080",
]

REFUSED = [
    "",
    "google",
    "issuer.example",
    "//issuer.example",
    "https:",
    "https://",
    "https:///path",
    "https:issuer.example",
    "HTTPS://issuer.example",
    "ftp://issuer.example",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "-flag",
    "http://issuer.example",
    "http://10.0.0.1",
    "http://localhost.example",
    "http://127.0.0.1.example",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://0177.0.0.1",
    "http://[::ffff:127.0.0.1]",
    "http://[::1%25lo]",
    "https://[fe80::1%25eth0]",
    "http://0.0.0.0",
    "https://user@issuer.example",
    "https://user:pass@issuer.example",
    "https://good.example:x@evil.example",
    "https://issuer.example#fragment",
    "https://issuer.example#",
    "https://issuer.example:",
    "https://issuer.example:0",
    "https://issuer.example:65536",
    "https://issuer.example:x",
    "https://issuer.example:-1",
    "https://a..example",
    "https://-a.example",
    "https://[::1",
    "https://[nonsense]",
    "https://issuer.example/a b",
    " https://issuer.example",
    "https://issuer.example\n",
    "https://issuer\t.example",
    "https://issuer.example\\@evil.example",
    "https://bücher.example",
    "https://issuer.example/%",
    "https://issuer.example/%zz",
    "https://issuer.example/$(touch x)`x`",
    "https://issuer.example/\x00",
    "https://issuer.example/" + "a" * 2048,
    "https://" + "a" * 64 + ".example",
]


@pytest.mark.parametrize("text", TAKEN)
def test_an_issuer_url_is_kept_as_typed(text: str) -> None:
    assert parse_issuer_url(text) == text


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_issuer_url_is_refused(text: str) -> None:
    with pytest.raises(IssuerInvalidError):
        parse_issuer_url(text)


@pytest.mark.parametrize("query", ["?", "?a=b"])
def test_rfc8414_section_2_an_issuer_has_no_query_but_an_endpoint_may(
    query: str,
) -> None:
    url = "https://issuer.example/authorize" + query
    with pytest.raises(IssuerInvalidError, match="query"):
        parse_issuer_url(url)
    assert check_endpoint(url, issuer="https://issuer.example") == url


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_url_is_no_endpoint(url: str) -> None:
    with pytest.raises(IssuerInvalidError, match="its token_endpoint"):
        check_endpoint(url, issuer="http://127.0.0.1", name="token_endpoint")


def test_an_issuer_on_the_network_cannot_point_to_a_local_service() -> None:
    with pytest.raises(IssuerInvalidError, match="though the issuer is https"):
        check_endpoint("http://127.0.0.1:631/", issuer="https://issuer.example")


def test_a_loopback_issuer_may_have_loopback_endpoints() -> None:
    url = "http://127.0.0.1:9000/token"
    assert check_endpoint(url, issuer="http://127.0.0.1:9000") == url


def test_the_error_holds_nothing_that_could_rewrite_a_terminal() -> None:
    with pytest.raises(IssuerInvalidError) as caught:
        parse_issuer_url("https://\x1b[2K\u202e.example")
    assert "\x1b" not in caught.value.issuer
    assert "\u202e" not in caught.value.issuer


@given(st.text() | st.text().map("https://".__add__) | st.from_regex(r"https?://.*"))
def test_any_text_is_kept_or_refused(text: str) -> None:
    try:
        assert parse_issuer_url(text) == text
    except IssuerInvalidError:
        return
    assert text.isascii()
    assert text.startswith("https://") or is_loopback(_host(text))


def _host(url: str) -> str:
    return url.removeprefix("http://").split("/")[0].rsplit(":", 1)[0].strip("[]")


def test_the_host_of_an_endpoint_is_in_lower_case() -> None:
    assert endpoint_host("https://Accounts.Google.com/o/oauth2/auth") == (
        "accounts.google.com"
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://a@b.example", "nonsense"]
)
def test_what_is_no_https_url_has_no_host(url: str) -> None:
    assert endpoint_host(url) is None
