"""The request of RFC 8693, and what may come for it."""

from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from broker.model.client import Client, ClientAuthentication
from broker.model.errors import BadRequestError, IssuerMalformedError
from broker.model.http import HttpRequest
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.oauth.token import TokenRefusal, TokenResponse
from broker.oauth.token_exchange import (
    TOKEN_TYPES,
    check_issued,
    check_own,
    exchange_request,
    is_about_the_subject,
    requested_type,
    subject_type,
)

ISSUER = Issuer(
    url="https://as.example.com",
    authorization_endpoint="https://as.example.com/a",
    token_endpoint="https://as.example.com/as/token.oauth2",
)
CLIENT = Client(
    client_id="rs08",
    client_secret=Secret("long-secure-random-secret"),
    authentication=ClientAuthentication.BASIC,
)
ACCESS = TOKEN_TYPES["access_token"]


def a_request(client: Client = CLIENT, **changes: object) -> HttpRequest:
    members: dict[str, object] = {
        "subject": Secret("accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"),
        "subject_type": ACCESS,
        "parameters": {},
        **changes,
    }
    return exchange_request(issuer=ISSUER, client=client, **members)  # type: ignore[arg-type]


def form_of(request: HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.body.decode(), strict_parsing=True)


def test_the_example_of_section_2_3_of_rfc_8693() -> None:
    request = a_request(resource="https://backend.example.com/api")
    assert request.url == "https://as.example.com/as/token.oauth2"
    assert request.headers["Authorization"] == (
        "Basic cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0"
    )
    assert form_of(request) == [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("resource", "https://backend.example.com/api"),
    ]


def test_audiences_scopes_and_the_wanted_type_are_sent_as_named() -> None:
    request = a_request(
        audiences=("a b", "c"),
        scopes=("read", "write"),
        requested_type=TOKEN_TYPES["jwt"],
        parameters={"extra": "1"},
    )
    assert form_of(request)[3:] == [
        ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("scope", "read write"),
        ("audience", "a b"),
        ("audience", "c"),
        ("extra", "1"),
    ]


def test_an_endpoint_that_knows_no_clients_is_told_of_none() -> None:
    request = a_request(Client(client_id=""))
    assert "Authorization" not in request.headers
    assert "client_id" not in dict(form_of(request))


def test_what_is_shown_is_in_no_text_form_of_the_request() -> None:
    assert "accVkjc" not in repr(a_request())


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, None),
        ("jwt", TOKEN_TYPES["jwt"]),
        (TOKEN_TYPES["saml2"], TOKEN_TYPES["saml2"]),
        ("urn:example:type", "urn:example:type"),
    ],
)
def test_the_wanted_type_is_named_in_short_or_as_a_uri(
    said: str | None, meant: str | None
) -> None:
    assert requested_type(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        "refresh_token",
        "urn:ietf:params:oauth:token-type:refresh_token",
        "nothing",
        "",
        "urn:a\nb",
        "urn:" + "x" * 3000,
    ],
)
def test_no_refresh_token_is_asked_for_and_nothing_that_is_no_type(said: str) -> None:
    with pytest.raises(BadRequestError):
        requested_type(said)


def test_what_is_shown_is_an_access_token_or_an_id_token() -> None:
    assert subject_type(None) == ACCESS
    assert subject_type("jwt") == TOKEN_TYPES["jwt"]
    assert subject_type(ACCESS) == ACCESS
    assert subject_type("id_token") == TOKEN_TYPES["id_token"]
    with pytest.raises(BadRequestError):
        subject_type("refresh_token")


def test_nobody_else_is_acted_for() -> None:
    assert check_own({"extra": "1"}) == {"extra": "1"}
    with pytest.raises(BadRequestError, match="actor_token"):
        check_own({"actor_token": "x"})


ANSWER = TokenResponse(
    access_token=Secret("x"),
    token_type="Bearer",
    expires_in=None,
    refresh_token=None,
    refresh_expires_in=None,
    scopes=None,
    id_token=None,
    issued_type=ACCESS,
)


@pytest.mark.parametrize(
    ("issued", "wanted"),
    [
        (ACCESS, None),
        (TOKEN_TYPES["jwt"], None),
        (TOKEN_TYPES["saml2"], TOKEN_TYPES["saml2"]),
    ],
)
def test_what_was_asked_for_is_taken(issued: str, wanted: str | None) -> None:
    answer = replace(ANSWER, issued_type=issued)
    taken = check_issued(answer, requested_type=wanted, issuer=ISSUER.url)
    assert taken == answer


@pytest.mark.parametrize(
    ("issued", "wanted"),
    [
        (None, None),
        (TOKEN_TYPES["id_token"], None),
        (ACCESS, TOKEN_TYPES["jwt"]),
        ("urn:ietf:params:oauth:token-type:refresh_token", None),
    ],
)
def test_what_was_not_is_refused(issued: str | None, wanted: str | None) -> None:
    answer = replace(ANSWER, issued_type=issued)
    with pytest.raises(IssuerMalformedError):
        check_issued(answer, requested_type=wanted, issuer=ISSUER.url)


@pytest.mark.parametrize(
    ("error", "is_about"),
    [
        ("invalid_request", True),
        ("invalid_grant", True),
        ("invalid_target", False),
        ("invalid_client", False),
        ("invalid_scope", False),
    ],
)
def test_which_refusals_may_be_of_what_was_shown(error: str, is_about: bool) -> None:  # noqa: FBT001 - of a table
    refusal = TokenRefusal(status=400, error=error, description="", subtype=None)
    assert is_about_the_subject(refusal) is is_about
