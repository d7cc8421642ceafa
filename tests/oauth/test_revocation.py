import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.oauth.revocation import Revocation, parse_revocation, revocation_request
from tests.oauth.values import BASIC_CLIENT, ISSUER

ENDED = Revocation.ENDED


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
    assert parse_revocation(HttpResponse(status=200, body=body)).outcome is ENDED


def test_a_token_that_google_calls_dead_already_is_revoked() -> None:
    body = (
        b'{"error": "invalid_token", "error_description": "Token expired or revoked"}'
    )
    assert parse_revocation(HttpResponse(status=400, body=body)).outcome is ENDED


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
    assert parse_revocation(HttpResponse(status=status, body=body)).outcome is not ENDED


@given(st.integers(100, 599), st.binary())
def test_no_answer_raises(status: int, body: bytes) -> None:
    answer = parse_revocation(HttpResponse(status=status, body=body))
    assert answer.what.startswith(f"HTTP status {status}")


def test_rfc7009_section_2_2_1_503_says_when_to_ask_again() -> None:
    answer = parse_revocation(HttpResponse(status=503, headers={"retry-after": "90"}))
    assert answer.outcome is Revocation.OPEN
    assert answer.retry_after == 90


def test_an_issuer_that_revokes_no_such_token_is_not_to_be_asked_again() -> None:
    body = b'{"error": "unsupported_token_type"}'
    answer = parse_revocation(HttpResponse(status=400, body=body))
    assert answer.outcome is Revocation.REFUSED
    assert answer.what == "HTTP status 400, unsupported_token_type"


def test_a_client_that_is_not_known_any_more_is_told() -> None:
    body = b'{"error": "invalid_client"}'
    answer = parse_revocation(HttpResponse(status=401, body=body))
    assert answer.is_client_refused
    assert answer.outcome is Revocation.OPEN


def test_what_an_issuer_says_cannot_rewrite_a_terminal() -> None:
    body = b'{"error": "\\u001b[2J"}'
    assert "\x1b" not in parse_revocation(HttpResponse(status=400, body=body)).what
