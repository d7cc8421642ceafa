"""Pushed authorization requests (RFC 9126)."""

from urllib.parse import parse_qsl

import pytest

from broker.model.client import Client, ClientAuthentication
from broker.model.errors import (
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.pushed import (
    Pushed,
    parse_pushed,
    pushed_parameters,
    pushed_request,
)
from broker.oauth.token import TokenRefusal
from tests.fakes.sender import json_response

ENDPOINT = "https://as.example.com/as/par"
PARAMETERS = (
    ("response_type", "code"),
    ("client_id", "CLIENT1234"),
    ("state", "duk681S8n00GsJpe7n9boxdzen"),
    ("redirect_uri", "https://client.example.org/cb"),
)


def form_of(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), strict_parsing=True))


def test_rfc9126_section_2_1_a_public_client_sends_all_parameters() -> None:
    request = pushed_request(
        ENDPOINT, client=Client(client_id="CLIENT1234"), parameters=PARAMETERS
    )
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert form_of(request.body) == dict(PARAMETERS)


def test_rfc9126_section_2_the_client_proves_itself_as_at_the_token_endpoint() -> None:
    client = Client(
        client_id="CLIENT1234",
        client_secret=Secret("s3cret"),
        authentication=ClientAuthentication.BASIC,
    )
    request = pushed_request(ENDPOINT, client=client, parameters=PARAMETERS)
    assert request.headers["Authorization"].startswith("Basic ")
    assert "client_id" not in form_of(request.body)
    assert "s3cret" not in repr(request)


def test_rfc9126_section_2_2_the_answer_is_a_reference_that_expires() -> None:
    answer = json_response(
        {
            "request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014lt",
            "expires_in": 60,
        },
        status=201,
    )
    pushed = parse_pushed(answer, issuer="https://as.example.com")
    assert isinstance(pushed, Pushed)
    assert pushed.expires_in == Seconds(60)
    client = Client(client_id="s6BhdRkqt3", client_secret=Secret("x"))
    # Section 4: only these two.
    assert dict(pushed_parameters(pushed, client)) == {
        "client_id": "s6BhdRkqt3",
        "request_uri": pushed.request_uri,
    }


def test_rfc9126_section_2_3_a_refusal_is_the_issuers_word() -> None:
    answer = json_response(
        {"error": "invalid_request", "error_description": "no\x1b[2J such uri"},
        status=400,
    )
    refusal = parse_pushed(answer, issuer="https://as.example.com")
    assert isinstance(refusal, TokenRefusal)
    assert refusal.error == "invalid_request"
    assert refusal.description.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        json_response({}, status=201),
        json_response({"request_uri": ""}, status=201),
        json_response({"request_uri": 7}, status=201),
        json_response({"request_uri": "a b"}, status=201),
        json_response({"request_uri": "urn:\x1b[2J"}, status=201),
        json_response({"request_uri": "u" * 2049}, status=201),
        json_response({"request_uri": "urn:x", "expires_in": -1}, status=201),
        json_response({"request_uri": "urn:x"}, status=404),
        json_response([], status=201),
        HttpResponse(status=200, body=b"<html>"),
    ],
)
def test_anything_else_is_malformed(answer: HttpResponse) -> None:
    with pytest.raises(IssuerMalformedError):
        parse_pushed(answer, issuer="https://as.example.com")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (503, IssuerOverloadedError),
        (429, IssuerOverloadedError),
        (500, IssuerUnreachableError),
        (302, IssuerUnreachableError),
    ],
)
def test_what_stands_in_between_is_told_apart(status: int, kind: type) -> None:
    with pytest.raises(kind):
        parse_pushed(HttpResponse(status=status), issuer="https://as.example.com")
