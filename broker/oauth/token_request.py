"""What a token endpoint is asked for a grant. Knows no sockets and no clock."""

from urllib.parse import urlsplit

from msgspec.structs import replace
from oauthlib.oauth2 import WebApplicationClient

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.token import Scopes
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.grammar import is_token

LONGEST_RESOURCE = 2048
"""Characters; RFC 8707 sets no bound."""


def code_request(
    *,
    issuer: Issuer,
    client: Client,
    code: Secret,
    redirect_uri: str,
    verifier: Secret,
    dpop_key: Secret | None = None,
    resource: str | None = None,
) -> HttpRequest:
    """The request that spends a code.

    Args:
        issuer: as pinned when the login began, never discovered again meanwhile.
        client: whose code it is.
        code: from the authorization response.
        redirect_uri: exactly as in the authorization request.
        verifier: whose challenge was in the authorization request.
        dpop_key: what the tokens are to be bound to, or None.
        resource: as in the authorization request.

    Source: RFC 6749 section 4.1.3, RFC 7636 section 4.5, RFC 8707 section 2.2.
    """
    extra = {} if resource is None else {"resource": parse_resource(resource)}
    form = WebApplicationClient(client.client_id).prepare_request_body(
        code=code.reveal(),
        redirect_uri=redirect_uri,
        include_client_id=False,  # authenticated_post adds it where it belongs
        code_verifier=verifier.reveal(),
        **extra,
    )
    request = authenticated_post(issuer.token_endpoint, client=client, form=form)
    return replace(request, dpop_key=dpop_key)


def refresh_request(
    *,
    issuer: Issuer,
    client: Client,
    refresh_token: Secret,
    scopes: Scopes | None,
    resource: str | None,
    dpop_key: Secret | None = None,
) -> HttpRequest:
    """The request that spends a refresh token.

    Args:
        issuer: whose grant.
        client: to whom it was given.
        refresh_token: the newest there is.
        scopes: a narrower set than was granted, or None for all of it.
        resource: where the token is to be used (RFC 8707 section 2), or None.
        dpop_key: what the grant's tokens are bound to, or None.

    Raises:
        BadRequestError: `resource` is not an absolute URI without a fragment, or
            `scopes` is empty.

    Source: RFC 6749 section 6.
    """
    # RFC 6749 section 6: without `scope` the token would have everything.
    if scopes is not None and not scopes:
        raise BadRequestError(what="a token needs at least one scope")
    extra = {} if resource is None else {"resource": parse_resource(resource)}
    form = WebApplicationClient(client.client_id).prepare_refresh_body(
        refresh_token=refresh_token.reveal(),
        scope=None
        if scopes is None
        else issuer.quirks.scope_separator.join(sorted(scopes)),
        **extra,
    )
    request = authenticated_post(issuer.token_endpoint, client=client, form=form)
    return replace(request, dpop_key=dpop_key)


def parse_resource(text: str) -> str:
    """Where a token is to be used (RFC 8707 section 2).

    Raises:
        BadRequestError: not an absolute URI without a fragment, or too long a one.
    """
    if len(text) > LONGEST_RESOURCE:
        raise BadRequestError(
            what=f"a resource has {LONGEST_RESOURCE} characters at most"
        )
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if not parts.scheme or "#" in text or not is_token(text):
        raise BadRequestError(what="a resource is an absolute URI without a fragment")
    return text
