import json
from urllib.parse import parse_qs

import pytest
from msgspec.structs import replace

from broker.model.client import Client
from broker.model.errors import IssuerMalformedError
from broker.model.http import HttpResponse
from broker.model.issuer import Quirks
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.token import (
    TokenRefusal,
    TokenResponse,
    parse_token_response,
)
from broker.oauth.token_request import refresh_request
from tests.oauth.values import ISSUER, ISSUER_URL, RFC_6749_EXAMPLE


def parse(document: object, status: int = 200) -> TokenResponse | TokenRefusal:
    body = json.dumps(document).encode()
    return parse_token_response(
        HttpResponse(status=status, body=body), issuer=ISSUER_URL
    )


def token(**changes: object) -> TokenResponse:
    response = parse({**RFC_6749_EXAMPLE, **changes})
    assert isinstance(response, TokenResponse)
    return response


def test_rfc6749_section_5_1_example() -> None:
    assert token() == TokenResponse(
        access_token=Secret("2YotnFZFEjr1zCsicMWpAA"),
        token_type="Bearer",
        expires_in=Seconds(3600),
        refresh_token=Secret("tGzv3JOkF0XG5Qx2TlKWIA"),
        refresh_expires_in=None,
        scopes=None,
        id_token=None,
    )


def test_no_token_is_in_the_repr_of_a_response() -> None:
    response = token(
        access_token="canary1", refresh_token="canary2", id_token="canary3"
    )
    assert "canary" not in repr(response)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(3600, 3600.0), ("3600", 3600.0), (0, 0.0), (59.5, 59.5), (None, None)],
)
def test_the_life_of_a_token_is_a_number_or_digits(
    value: object, seconds: float | None
) -> None:
    assert token(expires_in=value).expires_in == seconds


@pytest.mark.parametrize(
    "value",
    [
        -1,
        -0.5,
        True,
        "never",
        "3599.0",
        "-1",
        "",
        " 1",
        "\uff11",
        [],
        {},
        1e11,
        "9" * 11,
    ],
)
def test_what_is_no_life_is_malformed(value: object) -> None:
    with pytest.raises(IssuerMalformedError, match="expires_in"):
        token(expires_in=value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "9" * 400, "9" * 5000])
def test_a_number_that_is_none_is_malformed(number: str) -> None:
    body = f'{{"access_token":"a","token_type":"Bearer","expires_in":{number}}}'
    response = HttpResponse(status=200, body=body.encode())
    with pytest.raises(IssuerMalformedError):
        parse_token_response(response, issuer=ISSUER_URL)


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_rfc6749_section_7_1_the_type_is_compared_without_case(token_type: str) -> None:
    assert token(token_type=token_type).token_type == "Bearer"


@pytest.mark.parametrize("token_type", ["mac", "DPoP", "", None, 1, ["bearer"]])
def test_rfc6749_section_7_1_a_token_of_unknown_type_is_not_used(
    token_type: object,
) -> None:
    with pytest.raises(IssuerMalformedError, match="token_type"):
        token(token_type=token_type)


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "id_token"])
@pytest.mark.parametrize(
    "value", ["a\r\nX: y", "a\x00", "a b", "é", 1, ["a"], {}, "a" * 65537]
)
def test_what_cannot_be_a_token_is_malformed(name: str, value: object) -> None:
    with pytest.raises(IssuerMalformedError, match=name):
        token(**{name: value})


def test_half_a_surrogate_pair_is_malformed() -> None:
    with pytest.raises(IssuerMalformedError, match="surrogate"):
        token(access_token="\ud800")


@pytest.mark.parametrize("value", ["", None])
def test_without_an_access_token_there_is_nothing(value: object) -> None:
    with pytest.raises(IssuerMalformedError, match="'access_token' is missing"):
        token(access_token=value)


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_refresh_token_is_none(value: object) -> None:
    assert token(refresh_token=value).refresh_token is None


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("b a", {"a", "b"}),
        ("a", {"a"}),
        (" a  a ", {"a"}),
        ("repo,gist", {"repo", "gist"}),
        ("a,b c", {"a,b", "c"}),
        ("", set()),
    ],
)
def test_scopes_are_split_at_spaces_or_where_there_are_none_at_commas(
    scope: str, scopes: set[str]
) -> None:
    assert token(scope=scope).scopes == frozenset(scopes)


@pytest.mark.parametrize("scope", [1, ["a"], 'a"b c', "a\nb c", "é", "\x1b[2K"])
def test_what_cannot_be_scopes_is_malformed(scope: object) -> None:
    with pytest.raises(IssuerMalformedError, match="scope"):
        token(scope=scope)


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("refresh_token_expires_in", 15551999, 15551999.0),
        ("refresh_expires_in", 1800, 1800.0),
        ("refresh_expires_in", 0, None),
    ],
)
def test_the_end_of_a_refresh_token_is_known_by_either_name(
    name: str, value: int, seconds: float | None
) -> None:
    assert token(**{name: value}).refresh_expires_in == seconds


def test_github_docs_example_of_an_oauth_app() -> None:
    response = parse(
        {"access_token": "gho_16C7", "scope": "repo,gist", "token_type": "bearer"}
    )
    assert isinstance(response, TokenResponse)
    assert response.scopes == frozenset({"repo", "gist"})
    assert response.expires_in is None
    assert response.refresh_token is None


def test_201_counts_as_200() -> None:
    assert isinstance(parse(RFC_6749_EXAMPLE, 201), TokenResponse)


# --- quirks ------------------------------------------------------------------------

NESTED = Quirks(token_member="authed_user", bearer_names=("user",))


def nested(document: object) -> TokenResponse:
    response = HttpResponse(status=200, body=json.dumps(document).encode())
    answer = parse_token_response(response, issuer=ISSUER_URL, quirks=NESTED)
    assert isinstance(answer, TokenResponse)
    return answer


PERSONS = {"access_token": "xoxp-1", "token_type": "user", "scope": "a,b"}
BOTS = {"access_token": "xoxb-1", "token_type": "bot", "scope": "commands"}


def test_the_persons_token_is_looked_for_where_the_issuer_puts_it() -> None:
    answer = nested({"ok": True, **BOTS, "authed_user": {"id": "U1", **PERSONS}})
    assert answer.access_token == Secret("xoxp-1")
    assert answer.token_type == "Bearer"
    assert answer.scopes == frozenset({"a", "b"})


@pytest.mark.parametrize("member", [{}, {"authed_user": {"id": "U1"}}])
def test_where_it_is_not_there_the_top_is_taken(member: dict[str, object]) -> None:
    assert nested({**PERSONS, **member}).access_token == Secret("xoxp-1")


@pytest.mark.parametrize(
    "document",
    [
        {**PERSONS, "authed_user": "U1"},
        {**BOTS, "authed_user": {"id": "U1"}},
        {**PERSONS, "token_type": "mac"},
    ],
)
def test_a_token_of_another_kind_is_not_taken_for_the_persons(
    document: object,
) -> None:
    with pytest.raises(IssuerMalformedError):
        nested(document)


def test_scopes_of_a_narrower_token_are_joined_as_the_issuer_wants_them() -> None:
    request = refresh_request(
        issuer=replace(ISSUER, quirks=Quirks(scope_separator=",")),
        client=Client(client_id="c"),
        refresh_token=Secret("r"),
        scopes=frozenset({"b", "a"}),
        resource=None,
    )
    assert parse_qs(request.body.decode())["scope"] == ["a,b"]
