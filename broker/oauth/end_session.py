"""RP-initiated log-out (OpenID Connect RP-Initiated Logout 1.0). Knows no browser."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from broker.model.client import Client
from broker.model.errors import IssuerInvalidError
from broker.model.issuer import Issuer
from broker.oauth.endpoints import check_endpoint


def end_session_url(issuer: Issuer, client: Client) -> str | None:
    """Where a browser ends the person's session at the issuer; None where nowhere.

    With `client_id` and nothing else: ID tokens are not kept, so there is no
    `id_token_hint`, and the issuer asks the person before it ends anything (section 6).

    Args:
        issuer: as it was at the last login. What its metadata said may have been
            taken from an older store: it is checked here once more.
        client: who asks.
    """
    endpoint = issuer.end_session_endpoint
    if endpoint is None:
        return None
    try:
        check_endpoint(endpoint, issuer=issuer.url, name="end_session_endpoint")
    except IssuerInvalidError:
        return None
    parts = urlsplit(endpoint)
    own = urlencode({"client_id": client.client_id})
    query = f"{parts.query}&{own}" if parts.query else own
    return urlunsplit(parts._replace(query=query))
