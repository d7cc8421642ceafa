"""Pushed authorization requests (RFC 9126). Knows no network.

What was to stand in the address of the browser goes to the issuer first, over a
connection of our own; the browser carries a reference to it.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from broker.model.client import Client
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds
from broker.oauth.client_authentication import authenticated_post
from broker.oauth.grammar import is_token
from broker.oauth.token import TokenRefusal, parse_answer

_MAX_REFERENCE_CHARACTERS = 2048


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer gave for the request (RFC 9126 section 2.2).

    Attributes:
        request_uri: the reference, to be used once.
        expires_in: seconds within which the page must be opened, or None where the
            issuer does not say.
    """

    request_uri: str
    expires_in: Seconds | None


def pushed_request(
    endpoint: str, *, client: Client, parameters: Sequence[tuple[str, str]]
) -> HttpRequest:
    """The request that pushes an authorization request.

    Args:
        endpoint: of the issuer.
        client: who asks; proves itself as at the token endpoint (section 2).
        parameters: from `authorization_request`.
    """
    form = urlencode([pair for pair in parameters if pair[0] != "client_id"])
    return authenticated_post(endpoint, client=client, form=form)


def parse_pushed(response: HttpResponse, *, issuer: str) -> Pushed | TokenRefusal:
    """What the issuer said.

    Raises:
        IssuerOverloadedError, IssuerUnreachableError: see `transport_fault`.
        IssuerMalformedError: neither a reference nor a refusal.
    """
    answer = parse_answer(
        response, issuer=issuer, what="its answer to a pushed request"
    )
    if isinstance(answer, TokenRefusal):
        return answer
    reference = answer.required_text("request_uri")
    if len(reference) > _MAX_REFERENCE_CHARACTERS or not is_token(reference):
        raise answer.malformed("'request_uri' is no reference")
    return Pushed(request_uri=reference, expires_in=answer.seconds("expires_in"))


def pushed_parameters(pushed: Pushed, client: Client) -> Sequence[tuple[str, str]]:
    """All that the browser then carries (section 4)."""
    return (("client_id", client.client_id), ("request_uri", pushed.request_uri))
