"""Tokens that a client asks for in its own name (RFC 6749 section 4.4)."""

from collections.abc import Mapping, Sequence

from oauthlib.common import add_params_to_qs
from oauthlib.oauth2 import BackendApplicationClient

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest
from broker.model.issuer import Issuer
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.token_request import parse_resource

OURS = frozenset(
    {
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "assertion",
        "scope",
        "resource",
    }
)
"""Parameters of a token request that have a place of their own."""


def client_credentials_request(
    *,
    issuer: Issuer,
    client: Client,
    scopes: Sequence[str],
    resource: str | None,
    parameters: Mapping[str, str],
) -> HttpRequest:
    """The request for a token of the client's own.

    Args:
        issuer: where.
        client: who asks.
        scopes: in the order to send them; empty for what the issuer gives by itself.
        resource: where the token is to be used (RFC 8707), or None.
        parameters: checked by `check_parameters`.

    Raises:
        BadRequestError: `resource` is none.

    Source: RFC 6749 section 4.4.2.
    """
    form = BackendApplicationClient(client.client_id).prepare_request_body(
        include_client_id=False,  # authenticated_post adds it where it belongs
    )
    more = own_parameters(issuer, scopes, resource, parameters)
    form = add_params_to_qs(form, more)
    return authenticated_post(issuer.token_endpoint, client=client, form=form)


def own_parameters(
    issuer: Issuer,
    scopes: Sequence[str],
    resource: str | None,
    parameters: Mapping[str, str],
) -> list[tuple[str, str]]:
    """Of a request for a token that no person has granted, by their names.

    The arguments are those of `client_credentials_request`.

    Raises:
        BadRequestError: `resource` is none.
    """
    pairs = list(parameters.items())
    if scopes:
        pairs.append(("scope", issuer.quirks.scope_separator.join(scopes)))
    if resource is not None:
        pairs.append(("resource", parse_resource(resource)))
    return pairs


def check_parameters(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """More parameters of a token request, such as Auth0's `audience`.

    Raises:
        BadRequestError: one has a place of its own.
    """
    taken = sorted(parameters.keys() & OURS)
    if taken:
        what = f"the parameter {taken[0]} is sent by itself where it is needed"
        raise BadRequestError(what=what)
    return parameters
