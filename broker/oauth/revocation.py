"""Token revocation (RFC 7009). Knows no sockets."""

from enum import Enum

import msgspec
from oauthlib.common import urlencode

from broker.model.client import Client
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.text import safe_text
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.faults import wanted_wait

_HTTP_OK = 200
_HTTP_BAD_REQUEST = 400

_DEAD_ALREADY = frozenset({"invalid_token", "invalid_grant"})
_NEVER = "unsupported_token_type"


class Revocation(Enum):
    """What has become of a token that an issuer was asked to revoke."""

    ENDED = "ended"
    """It is surely dead now."""
    REFUSED = "refused"
    """It lives, and the issuer revokes no such tokens: asking again is of no use."""
    OPEN = "open"
    """It must be taken to be alive; the issuer is to be asked again."""


class RevocationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an issuer said.

    Attributes:
        outcome: see `Revocation`.
        what: what was met, for people.
        is_client_refused: whether it knows no such client.
        retry_after: seconds that the issuer wants to be left in peace, or None.
    """

    outcome: Revocation
    what: str
    is_client_refused: bool = False
    retry_after: int | None = None


def revocation_request(
    *, issuer: Issuer, client: Client, token: Secret, hint: str
) -> HttpRequest | None:
    """The request that makes an issuer forget `token`, or None where it takes none.

    Args:
        issuer: whose token.
        client: to whom it was given.
        token: the refresh token, or the access token where there is no other.
        hint: 'refresh_token' or 'access_token'.

    Source: RFC 7009 section 2.1.
    """
    if issuer.revocation_endpoint is None:
        return None
    form = urlencode([("token", token.reveal()), ("token_type_hint", hint)])
    return authenticated_post(issuer.revocation_endpoint, client=client, form=form)


def parse_revocation(response: HttpResponse) -> RevocationAnswer:
    """What an answer of the revocation endpoint says of the token.

    RFC 7009 section 2.2: 200, also for a token that the issuer does not know. Google
    says 400 `invalid_token` for one that is dead already. Everything else leaves it
    alive: `unsupported_token_type`, a refused client, 503 (section 2.2.1).
    """
    error = _error(response.body)
    what = f"HTTP status {response.status}"
    if isinstance(error, str):
        what += f", {safe_text(error)}"
    return RevocationAnswer(
        outcome=_outcome(response.status, error),
        what=what,
        is_client_refused=error == "invalid_client",
        retry_after=wanted_wait(response),
    )


def _outcome(status: int, error: object) -> Revocation:
    if status == _HTTP_OK and error is None:
        return Revocation.ENDED
    if status != _HTTP_BAD_REQUEST:
        return Revocation.OPEN
    if error in _DEAD_ALREADY:
        return Revocation.ENDED
    return Revocation.REFUSED if error == _NEVER else Revocation.OPEN


def _error(body: bytes) -> object:
    try:
        value = parse_json(body)
    except ValueError:  # RFC 7009: the content of a 200 means nothing
        return None
    return value.get("error") if isinstance(value, dict) else None
