"""Client ID metadata documents: a client whose id is where it says what it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.account import RedirectChoice
from broker.model.errors import ClientDocumentError
from broker.oauth.client_document import (
    check_document_url,
    client_document,
    parse_client_document,
)

URL = "https://example.org/broker.json"


def parse(**members: object) -> RedirectChoice:
    document = {**client_document(URL, port=20001), **members}
    return parse_client_document(json.dumps(document).encode(), url=URL)


def test_our_own_template_is_one_with_the_fixed_port_first() -> None:
    assert parse() == RedirectChoice(uri="http://127.0.0.1:20001/")


def test_only_redirect_uris_of_this_machine_count() -> None:
    uris = ["https://a.example/", "x:y", "http://127.0.0.1/cb", "http://localhost/"]
    assert parse(redirect_uris=uris) == RedirectChoice(host="localhost")
    uris.append("http://127.0.0.1:9/cb")
    assert parse(redirect_uris=uris) == RedirectChoice(uri="http://127.0.0.1:9/cb")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/broker.json",
        "http://127.0.0.1/broker.json",
        "https://example.org",
        "https://example.org/",
        "https://example.org/a/../b.json",
        "https://example.org/a/%2e%2e/b.json",
        "https://example.org/b.json#f",
        "https://u@example.org/b.json",
        "native-app",
        "",
    ],
)
def test_a_document_has_an_https_url_with_a_path(url: str) -> None:
    with pytest.raises(ClientDocumentError):
        check_document_url(url)
    assert check_document_url(URL) == URL


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": "https://example.org/other.json"},
        {"client_id": None},
        {"redirect_uris": []},
        {"redirect_uris": ["https://example.org/cb", "http://127.0.0.1/?a=b"]},
        {"redirect_uris": "http://127.0.0.1/"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": None},
    ],
)
def test_a_document_that_no_issuer_could_take_is_told(
    members: dict[str, object],
) -> None:
    with pytest.raises(ClientDocumentError):
        parse(**members)


@given(st.binary())
def test_whatever_comes_is_a_document_or_an_error(body: bytes) -> None:
    with pytest.raises(ClientDocumentError):
        parse_client_document(body, url=URL)
