"""How a client proves itself at the token endpoint (RFC 6749 section 2.3)."""

import base64
from collections.abc import Sequence
from urllib.parse import quote_plus

from oauthlib.common import add_params_to_qs

from broker.model.client import Client, ClientAuthentication
from broker.model.http import HttpRequest


def choose_authentication(
    methods: Sequence[str], *, has_secret: bool
) -> ClientAuthentication:
    """The method to use.

    Args:
        methods: what the issuer offers, by registered name; unknown ones are passed
            over.
        has_secret: whether the client has a secret; without one there is only NONE.

    Returns:
        BASIC before POST, as RFC 6749 section 2.3.1 ranks them; BASIC also where the
        issuer names neither, since every issuer must take it (same section).
    """
    if not has_secret:
        return ClientAuthentication.NONE
    for method in (ClientAuthentication.BASIC, ClientAuthentication.POST):
        if method.value in methods:
            return method
    if ClientAuthentication.NONE.value in methods:
        return ClientAuthentication.NONE
    return ClientAuthentication.BASIC


def authenticated_post(url: str, *, client: Client, form: str) -> HttpRequest:
    """A form for an endpoint that wants to know the client.

    Args:
        url: the endpoint.
        client: who asks.
        form: form-encoded, without a word of the client.
    """
    headers = {
        "Accept": "application/json",  # GitHub answers a form to everyone else
        "Content-Type": "application/x-www-form-urlencoded",
    }
    client_id = client.client_id
    secret = client.client_secret.reveal() if client.client_secret else ""
    match client.authentication:
        case ClientAuthentication.BASIC:
            headers["Authorization"] = _basic(client_id, secret)
        case ClientAuthentication.POST:
            form = add_params_to_qs(
                form, [("client_id", client_id), ("client_secret", secret)]
            )
        case ClientAuthentication.NONE:
            form = add_params_to_qs(form, [("client_id", client_id)])
    return HttpRequest(method="POST", url=url, headers=headers, body=form.encode())


def _basic(client_id: str, secret: str) -> str:
    # Form-encoded first (RFC 6749 section 2.3.1): an id or secret may hold a colon.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
