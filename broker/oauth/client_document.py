"""Client ID metadata documents: a client whose id is the URL of what it says of itself.

Source: draft-ietf-oauth-client-id-metadata-document. Knows no network.
"""

from urllib.parse import unquote, urlsplit

from broker.model.account import RedirectChoice
from broker.model.errors import ClientDocumentError, IssuerMalformedError
from broker.model.text import safe_text
from broker.oauth.endpoints import is_loopback, is_plain_http, url_fault
from broker.oauth.members import parse_members
from broker.oauth.registration import (
    CLIENT_NAME,
    GRANT_TYPES,
    RESPONSE_TYPES,
    SOFTWARE_ID,
)

PORT = 28_475
"""Of the template: the same for everyone who hosts one, and anyone's to change."""


def is_document_url(client_id: str) -> bool:
    """Whether a client id can be the URL of a document: https with a path of its own,
    and without a fragment, a user name or steps such as '/../'.
    """
    if url_fault(client_id) is not None or is_plain_http(client_id):
        return False
    steps = unquote(urlsplit(client_id).path).split("/")
    return any(steps) and not {".", ".."} & set(steps)


def check_document_url(url: str) -> str:
    """`url`, if it can be one.

    Raises:
        ClientDocumentError: it cannot.
    """
    if not is_document_url(url):
        what = "it is no https URL with a path, such as https://example.org/broker.json"
        raise ClientDocumentError(url=safe_text(url), what=what)
    return url


def client_document(url: str, *, port: int) -> dict[str, object]:
    """What is to lie at `url`.

    Args:
        url: where it will lie, checked.
        port: where every installation that uses it awaits its responses.
    """
    return {
        "client_id": url,
        "client_name": CLIENT_NAME,
        "application_type": "native",
        "redirect_uris": [f"http://127.0.0.1:{port}/", "http://127.0.0.1/"],
        "grant_types": list(GRANT_TYPES),
        "response_types": list(RESPONSE_TYPES),
        "token_endpoint_auth_method": "none",
        "software_id": SOFTWARE_ID,
    }


def parse_client_document(body: bytes, *, url: str) -> RedirectChoice:
    """Where a client with this document awaits its responses on this machine.

    Args:
        body: what lies at `url`.
        url: the client id.

    Raises:
        ClientDocumentError: no issuer could take it, or it is of a client that has a
            secret, or that awaits nothing on loopback.
    """
    try:
        members = parse_members(body, issuer=url, what="the document")
        client_id = members.required_text("client_id")
        uris = members.texts("redirect_uris") or ()
        method = members.text("token_endpoint_auth_method")
    except IssuerMalformedError as exc:
        raise _invalid(url, exc.what) from None
    if client_id != url:
        raise _invalid(url, f"it names another client_id, {safe_text(client_id)!r}")
    if method != "none":
        raise _invalid(url, "its token_endpoint_auth_method is not 'none'")
    choices = [choice for uri in uris if (choice := _on_this_machine(uri))]
    # With a port first: those hold at issuers that compare to the letter, too.
    for choice in sorted(choices, key=lambda choice: choice.uri is None):
        return choice
    raise _invalid(
        url, "none of its redirect_uris is on this machine, such as http://127.0.0.1/"
    )


def _on_this_machine(uri: str) -> RedirectChoice | None:
    if url_fault(uri) is not None or not is_plain_http(uri):
        return None
    parts = urlsplit(uri)
    if not is_loopback(parts.hostname or "") or parts.query:
        return None
    if parts.port is not None:
        return RedirectChoice(uri=uri)
    # RFC 8252 section 7.3: without a port it stands for every port.
    return RedirectChoice(host=parts.hostname) if parts.path == "/" else None


def _invalid(url: str, what: str) -> ClientDocumentError:
    return ClientDocumentError(url=safe_text(url), what=what)
