"""How a client proves itself at the token endpoint (RFC 6749 section 2.3, RFC 7523)."""

import base64
from collections.abc import Sequence
from urllib.parse import quote_plus

from oauthlib.common import add_params_to_qs

from broker.model.client import Client, ClientAuthentication
from broker.model.http import Assertion, HttpRequest

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


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
    named = [("client_id", client.client_id)]
    secret = client.client_secret.reveal() if client.client_secret else ""
    match client.authentication:
        case ClientAuthentication.BASIC:
            headers["Authorization"] = _basic(client.client_id, secret)
            named = []
        case ClientAuthentication.POST:
            named.append(("client_secret", secret))
        case ClientAuthentication.PRIVATE_KEY_JWT:
            named.append(("client_assertion_type", CLIENT_ASSERTION_TYPE))
    form = add_params_to_qs(form, named) if named else form
    return HttpRequest(
        method="POST",
        url=url,
        headers=headers,
        body=form.encode(),
        assertions=_assertions(client),
        certificate=client.certificate,
    )


def _assertions(client: Client) -> tuple[Assertion, ...]:
    """What it signs of itself (RFC 7523 section 3)."""
    if client.key is None or client.audience is None:
        return ()
    name = client.client_id
    claims = {"iss": name, "sub": name, "aud": client.audience}
    made = Assertion(parameter="client_assertion", key=client.key, claims=claims)
    return (made,)


def _basic(client_id: str, secret: str) -> str:
    # Form-encoded first (RFC 6749 section 2.3.1): an id or secret may hold a colon.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
