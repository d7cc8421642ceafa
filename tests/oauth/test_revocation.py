from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.oauth.revocation import is_revoked, revocation_request
from tests.oauth.values import BASIC_CLIENT, ISSUER


def test_rfc7009_section_2_1_example() -> None:
    request = revocation_request(
        issuer=ISSUER,
        client=BASIC_CLIENT,
        token=Secret("45ghiukldjahdnhzdauz"),
        hint="refresh_token",
    )
    assert request is not None
    assert request.url == "https://issuer.example/revoke"
    assert request.headers["Authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert request.body == b"token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token"


def test_an_issuer_without_the_endpoint_is_not_asked() -> None:
    issuer = replace(ISSUER, revocation_endpoint=None)
    token = Secret("x")
    assert (
        revocation_request(issuer=issuer, client=BASIC_CLIENT, token=token, hint="")
        is None
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"OK", b"null", b"[]"])
def test_rfc7009_section_2_2_200_means_revoked_whatever_it_holds(body: bytes) -> None:
    assert is_revoked(HttpResponse(status=200, body=body))


def test_a_token_that_google_calls_dead_already_is_revoked() -> None:
    body = (
        b'{"error": "invalid_token", "error_description": "Token expired or revoked"}'
    )
    assert is_revoked(HttpResponse(status=400, body=body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error": "unsupported_token_type"}'),
        (401, b'{"error": "invalid_client"}'),
        (200, b'{"error": "invalid_client"}'),
        (503, b""),
        (404, b"<html>"),
        (204, b""),
        (307, b""),
    ],
)
def test_everything_else_leaves_the_token_alive(status: int, body: bytes) -> None:
    assert not is_revoked(HttpResponse(status=status, body=body))


@given(st.integers(100, 599), st.binary())
def test_no_answer_raises(status: int, body: bytes) -> None:
    assert is_revoked(HttpResponse(status=status, body=body)) in (True, False)
