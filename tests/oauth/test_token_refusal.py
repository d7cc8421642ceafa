import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.errors import (
    BrokerError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpResponse
from broker.model.time import UnixTime
from broker.oauth.token import (
    TokenRefusal,
    TokenResponse,
    parse_token_response,
)
from tests.oauth.values import ISSUER_URL, RFC_6749_EXAMPLE


def parse(document: object, status: int = 400) -> TokenResponse | TokenRefusal:
    body = json.dumps(document).encode()
    return parse_token_response(
        HttpResponse(status=status, body=body), issuer=ISSUER_URL
    )


def refusal(document: object, status: int = 400) -> TokenRefusal:
    response = parse(document, status)
    assert isinstance(response, TokenRefusal)
    return response


def test_rfc6749_section_5_2_example() -> None:
    assert refusal({"error": "invalid_request"}) == TokenRefusal(
        status=400, error="invalid_request", description="", subtype=None
    )


def test_googles_session_control_keeps_its_subtype() -> None:
    document = {
        "error": "invalid_grant",
        "error_description": "reauth related error (invalid_rapt)",
        "error_uri": "https://support.google.com/a/answer/9368756",
        "error_subtype": "invalid_rapt",
    }
    assert refusal(document).subtype == "invalid_rapt"


def test_microsofts_suberror_is_a_subtype() -> None:
    document = {"error": "invalid_grant", "suberror": "basic_action"}
    assert refusal(document).subtype == "basic_action"


def test_github_refuses_with_200() -> None:
    document = {"error": "bad_verification_code", "error_description": "Expired."}
    assert refusal(document, 200).error == "bad_verification_code"


def test_an_error_in_the_shape_of_googles_apis_is_a_refusal() -> None:
    document = {"error": {"code": 403, "message": "No.", "status": "PERMISSION_DENIED"}}
    assert refusal(document, 403) == TokenRefusal(
        status=403, error="PERMISSION_DENIED", description="No.", subtype=None
    )


def test_the_issuers_words_are_made_safe_to_show() -> None:
    document = {"error": "\x1b[2K", "error_description": "\u202e" + "a" * 999}
    said = refusal(document)
    assert said.error == " [2K"
    assert said.description.isprintable()
    assert len(said.description) == 200


def test_an_error_of_the_wrong_type_is_malformed() -> None:
    with pytest.raises(IssuerMalformedError, match="'error'"):
        parse({"error": 1}, 400)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 204])
def test_a_bad_status_without_an_error_code_is_malformed(status: int) -> None:
    with pytest.raises(IssuerMalformedError, match=str(status)):
        parse(RFC_6749_EXAMPLE, status)


def test_a_refusal_keeps_how_long_the_issuer_asks_us_to_wait() -> None:
    body = b'{"error": "rate_limit_exceeded"}'
    answer = HttpResponse(status=403, headers={"retry-after": "7"}, body=body)
    said = parse_token_response(answer, issuer=ISSUER_URL)
    assert isinstance(said, TokenRefusal)
    assert said.retry_after == 7


# --- no answer of the issuer -----------------------------------------------------


@pytest.mark.parametrize("status", [429, 503, 500, 502, 504])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 10),
        ("9" * 5000, None),
        (None, None),
    ],
)
def test_an_overloaded_issuer_says_how_long_to_wait(
    status: int, header: str | None, seconds: int | None
) -> None:
    response = HttpResponse(
        status=status,
        headers={} if header is None else {"retry-after": header},
        body=b'{"error": "x"}',
        date=UnixTime(946_684_789),  # Fri, 31 Dec 1999 23:59:49 GMT
    )
    with pytest.raises((IssuerOverloadedError, IssuerUnreachableError)) as caught:
        parse_token_response(response, issuer=ISSUER_URL)
    assert caught.value.facts()["retry_after"] == seconds


@pytest.mark.parametrize("status", [301, 307, 407, 408, 500, 502, 504, 511, 100, 600])
def test_whoever_stands_between_us_and_the_issuer_is_not_the_issuer(
    status: int,
) -> None:
    with pytest.raises(IssuerUnreachableError, match=str(status)):
        parse({"error": "invalid_grant"}, status)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"[]", b"null", b"a=b&token_type=bearer", b"\xff", b"[" * 9999],
)
def test_what_is_no_json_object_is_malformed(status: int, body: bytes) -> None:
    with pytest.raises(IssuerMalformedError):
        parse_token_response(HttpResponse(status=status, body=body), issuer=ISSUER_URL)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
members = st.sampled_from(
    [
        *("access_token", "token_type", "expires_in", "refresh_token", "scope"),
        *("id_token", "refresh_expires_in"),
        *("error", "error_description", "error_subtype"),
    ]
)


@given(st.dictionaries(members, json_values), st.integers(100, 599))
def test_any_object_is_a_token_a_refusal_or_a_documented_error(
    changes: dict[str, object], status: int
) -> None:
    try:
        response = parse({**RFC_6749_EXAMPLE, **changes}, status)
    except BrokerError as exc:
        assert exc.code.startswith("issuer_")  # noqa: PT017 - either is right
    else:
        assert isinstance(response, TokenResponse | TokenRefusal)


@given(st.binary(), st.integers(100, 599))
def test_no_bytes_are_a_token(body: bytes, status: int) -> None:
    with pytest.raises(BrokerError):
        parse_token_response(HttpResponse(status=status, body=body), issuer=ISSUER_URL)
