from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from broker.oauth.end_session import end_session_url
from tests.oauth.values import BASIC_CLIENT, ISSUER


@pytest.mark.parametrize(
    ("endpoint", "query"),
    [
        ("https://issuer.example/logout", []),
        ("https://issuer.example/logout?tenant=a%26b", [("tenant", "a&b")]),
    ],
)
def test_rp_initiated_logout_section_2_names_the_client_and_no_token(
    endpoint: str, query: list[tuple[str, str]]
) -> None:
    issuer = replace(ISSUER, end_session_endpoint=endpoint)
    client = replace(BASIC_CLIENT, client_id="a&b=c d")
    url = end_session_url(issuer, client)
    assert url is not None
    assert urlsplit(url)[:3] == urlsplit("https://issuer.example/logout")[:3]
    assert parse_qsl(urlsplit(url).query) == [*query, ("client_id", "a&b=c d")]


def test_an_issuer_without_sessions_has_none() -> None:
    assert end_session_url(ISSUER, BASIC_CLIENT) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "javascript:alert(1)",
        "--profile=/tmp/x",
        "http://127.0.0.1:80/logout",
        "https://issuer.example\t/logout",
        "https://a@issuer.example/logout",
    ],
)
def test_what_no_browser_may_be_shown_is_not_offered(endpoint: str) -> None:
    issuer = replace(ISSUER, end_session_endpoint=endpoint)
    assert end_session_url(issuer, BASIC_CLIENT) is None
