"""Token revocation (RFC 7009). Knows no sockets."""

from oauthlib.common import urlencode

from broker.model.client import Client
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.oauth.client_authentication import authenticated_post

_HTTP_OK = 200
_HTTP_BAD_REQUEST = 400


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


def is_revoked(response: HttpResponse) -> bool:
    """Whether the token is surely dead now.

    RFC 7009 section 2.2: 200, also for a token that the issuer does not know. Google
    says 400 `invalid_token` for one that is dead already. Everything else leaves it
    alive: `unsupported_token_type`, a refused client, 503.
    """
    error = _error(response.body)
    if response.status == _HTTP_OK:
        return error is None
    return response.status == _HTTP_BAD_REQUEST and error == "invalid_token"


def _error(body: bytes) -> object:
    try:
        value = parse_json(body)
    except ValueError:  # RFC 7009: the content of a 200 means nothing
        return None
    return value.get("error") if isinstance(value, dict) else None
