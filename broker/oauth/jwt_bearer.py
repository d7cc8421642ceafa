"""Tokens for whom a signed JWT names (RFC 7523 section 2.1)."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from msgspec.structs import replace

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.http import Assertion, HttpRequest
from broker.model.issuer import Issuer
from broker.model.unattended import JwtBearer
from broker.oauth.assertions import JWT_BEARER, OUR_CLAIMS
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.client_credentials import own_parameters


def jwt_bearer_request(
    *,
    issuer: Issuer,
    client: Client,
    bearer: JwtBearer,
    scopes: Sequence[str],
    resource: str | None,
    parameters: Mapping[str, str],
) -> HttpRequest:
    """The request for a token in exchange for a JWT of ours.

    Args:
        issuer: where.
        client: who asks; one that has nothing to prove itself with says its name.
        bearer: what the JWT says, and who signs it.
        scopes: as of `client_credentials_request`, and so the rest.
        resource: the same.
        parameters: the same.

    Source: RFC 7523 sections 2.1 and 3.
    """
    pairs = [
        ("grant_type", JWT_BEARER),
        *own_parameters(issuer, scopes, resource, parameters),
    ]
    request = authenticated_post(
        issuer.token_endpoint, client=client, form=urlencode(pairs)
    )
    claims = {
        **bearer.claims,
        "iss": bearer.issuer,
        "sub": bearer.subject,
        "aud": bearer.audience,
    }
    ours = Assertion(parameter="assertion", key=bearer.key, claims=claims)
    return replace(request, assertions=(*request.assertions, ours))


def check_claims(claims: Mapping[str, str]) -> dict[str, str]:
    """More claims of the JWT.

    Raises:
        BadRequestError: one has a place of its own.
    """
    taken = sorted(claims.keys() & OUR_CLAIMS)
    if taken:
        raise BadRequestError(what=f"the claim {taken[0]} is not one of the others")
    return dict(claims)
