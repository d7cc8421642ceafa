from urllib.parse import parse_qs

import pytest

from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest
from broker.model.secret import Secret
from broker.oauth.token_request import (
    LONGEST_RESOURCE,
    code_request,
    parse_resource,
    refresh_request,
)
from tests.oauth.values import BASIC_CLIENT, ISSUER, PUBLIC_CLIENT


def form_of(request: HttpRequest) -> dict[str, list[str]]:
    return parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)


def test_rfc6749_section_4_1_3_example_with_a_verifier() -> None:
    request = code_request(
        issuer=ISSUER,
        client=BASIC_CLIENT,
        code=Secret("SplxlOBeZQQYbYS6WxSbIA"),
        redirect_uri="https://client.example.com/cb",
        verifier=Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    )
    assert request.url == "https://issuer.example/token"
    assert request.headers["Authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert form_of(request) == {
        "grant_type": ["authorization_code"],
        "code": ["SplxlOBeZQQYbYS6WxSbIA"],
        "redirect_uri": ["https://client.example.com/cb"],
        "code_verifier": ["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"],
    }


def test_rfc8707_section_2_2_a_code_is_spent_for_the_resource_it_was_asked_for() -> (
    None
):
    request = code_request(
        issuer=ISSUER,
        client=PUBLIC_CLIENT,
        code=Secret("c"),
        redirect_uri="http://127.0.0.1:1/",
        verifier=Secret("v"),
        resource="https://mcp.example/mcp",
    )
    assert form_of(request)["resource"] == ["https://mcp.example/mcp"]


def test_rfc6749_section_6_example() -> None:
    request = refresh_request(
        issuer=ISSUER,
        client=BASIC_CLIENT,
        refresh_token=Secret("tGzv3JOkF0XG5Qx2TlKWIA"),
        scopes=None,
        resource=None,
    )
    assert request.headers["Authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert form_of(request) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["tGzv3JOkF0XG5Qx2TlKWIA"],
    }


def test_a_narrower_token_for_one_resource_is_asked_for_by_a_public_client() -> None:
    request = refresh_request(
        issuer=ISSUER,
        client=PUBLIC_CLIENT,
        refresh_token=Secret("r"),
        scopes=frozenset({"b", "a"}),
        resource="https://api.example/v1",
    )
    assert form_of(request) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["r"],
        "scope": ["a b"],
        "resource": ["https://api.example/v1"],
        "client_id": ["s6BhdRkqt3"],
    }


def test_no_scope_at_all_is_refused_since_it_would_mean_every_scope() -> None:
    with pytest.raises(BadRequestError, match="at least one scope"):
        refresh_request(
            issuer=ISSUER,
            client=PUBLIC_CLIENT,
            refresh_token=Secret("r"),
            scopes=frozenset(),
            resource=None,
        )


@pytest.mark.parametrize(
    "resource", ["", "api", "//x", "https://[", "https://x#f", "https://x/ y"]
)
def test_rfc8707_section_2_a_resource_is_an_absolute_uri_without_a_fragment(
    resource: str,
) -> None:
    with pytest.raises(BadRequestError, match="absolute URI"):
        refresh_request(
            issuer=ISSUER,
            client=PUBLIC_CLIENT,
            refresh_token=Secret("r"),
            scopes=None,
            resource=resource,
        )


def test_a_resource_has_a_longest_length() -> None:
    longest = "https://x/" + "a" * (LONGEST_RESOURCE - 10)
    assert parse_resource(longest) == longest
    with pytest.raises(BadRequestError, match="2048"):
        parse_resource(longest + "a")


def test_no_secret_is_in_the_repr_of_a_request() -> None:
    request = refresh_request(
        issuer=ISSUER,
        client=BASIC_CLIENT,
        refresh_token=Secret("canary"),
        scopes=None,
        resource=None,
    )
    assert "canary" not in repr(request)
    assert "Basic" not in repr(request)
