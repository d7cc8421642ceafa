"""Tokens that a client asks for in its own name."""

from urllib.parse import parse_qs

import pytest
from msgspec.structs import replace

from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest
from broker.model.issuer import Quirks
from broker.oauth.client_credentials import (
    check_parameters,
    client_credentials_request,
)
from tests.oauth.values import BASIC_CLIENT, POST_CLIENT
from tests.services.world import ISSUER


def a_request(**changes: object) -> HttpRequest:
    words: dict[str, object] = {
        "issuer": ISSUER,
        "client": BASIC_CLIENT,
        "scopes": ("read", "write"),
        "resource": None,
        "parameters": {},
        **changes,
    }
    return client_credentials_request(**words)  # type: ignore[arg-type]


def form(request: HttpRequest) -> dict[str, list[str]]:
    return parse_qs(request.body.decode(), strict_parsing=True)


def test_rfc6749_section_4_4_2_the_secret_goes_into_the_header() -> None:
    request = a_request()
    assert form(request) == {
        "grant_type": ["client_credentials"],
        "scope": ["read write"],
    }
    assert request.headers["Authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert request.url == ISSUER.token_endpoint


def test_the_secret_goes_into_the_body_where_the_issuer_wants_that() -> None:
    request = a_request(client=POST_CLIENT, scopes=())
    assert "Authorization" not in request.headers
    assert form(request) == {
        "grant_type": ["client_credentials"],
        "client_id": ["s6BhdRkqt3"],
        "client_secret": ["7Fjfp0ZBr1KtDRbnfVdmIw"],
    }


def test_resource_and_the_persons_parameters_are_sent() -> None:
    audience = {"audience": "https://api.example/?a=b&c", "body": "own"}
    request = a_request(resource="https://api.example/", parameters=audience)
    assert form(request)["resource"] == ["https://api.example/"]
    assert form(request)["audience"] == ["https://api.example/?a=b&c"]
    assert form(request)["body"] == ["own"]


def test_scopes_are_separated_as_the_issuer_wants_them() -> None:
    commas = replace(ISSUER, quirks=Quirks(scope_separator=","))
    assert form(a_request(issuer=commas))["scope"] == ["read,write"]


@pytest.mark.parametrize("name", ["grant_type", "client_secret", "scope", "resource"])
def test_what_has_a_place_of_its_own_is_no_parameter(name: str) -> None:
    with pytest.raises(BadRequestError, match=name):
        check_parameters({"audience": "a", name: "x"})
