"""Tokens for whom a signed JWT names."""

from urllib.parse import parse_qs

import pytest

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest
from broker.model.unattended import JwtBearer
from broker.oauth.jwt_bearer import check_claims, jwt_bearer_request
from tests.oauth.keys import signing_key
from tests.oauth.values import BASIC_CLIENT, PUBLIC_CLIENT
from tests.services.world import ISSUER

BEARER = JwtBearer(
    key=signing_key(),
    issuer="robot",
    subject="alice@example.com",
    audience=ISSUER.url,
    claims={"tenant": "7"},
)


def a_request(client: Client, scopes: tuple[str, ...] = ("read",)) -> HttpRequest:
    return jwt_bearer_request(
        issuer=ISSUER,
        client=client,
        bearer=BEARER,
        scopes=scopes,
        resource=None,
        parameters={"audience": "api"},
    )


def test_rfc7523_section_2_1_the_jwt_is_the_grant() -> None:
    request = a_request(PUBLIC_CLIENT)
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "scope": ["read"],
        "audience": ["api"],
        "client_id": [PUBLIC_CLIENT.client_id],
    }
    (assertion,) = request.assertions
    assert assertion.parameter == "assertion"
    assert assertion.claims == {
        "iss": "robot",
        "sub": "alice@example.com",
        "aud": ISSUER.url,
        "tenant": "7",
    }


def test_a_client_with_a_secret_proves_itself_besides() -> None:
    assert "Authorization" in a_request(BASIC_CLIENT).headers


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"])
def test_a_claim_that_has_a_place_of_its_own_is_refused(name: str) -> None:
    assert check_claims({"tenant": "7"}) == {"tenant": "7"}
    with pytest.raises(BadRequestError, match=name):
        check_claims({name: "x"})
