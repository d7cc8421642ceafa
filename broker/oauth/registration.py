"""Dynamic client registration (RFC 7591, RFC 7592). Knows no network and no store."""

import json
from collections.abc import Sequence

from msgspec.structs import replace

from broker.model.account import RedirectChoice
from broker.model.client import Client, ClientAuthentication, Registration
from broker.model.errors import (
    BrokerError,
    IssuerInvalidError,
    IssuerMalformedError,
    RegistrationRefusedError,
)
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import UnixTime
from broker.oauth.client_authentication import choose_authentication
from broker.oauth.endpoints import check_endpoint
from broker.oauth.faults import transport_fault
from broker.oauth.grammar import is_token, is_vschars
from broker.oauth.members import Members, parse_members

CLIENT_NAME = "brokerd"
"""What people read on the issuer's consent page."""

SOFTWARE_ID = "6f0f4c9e-6a0b-4d1c-9d5e-2f1b7c3a8e54"
"""The same for every installation of every version (RFC 7591 section 2)."""

GRANT_TYPES = ("authorization_code", "refresh_token")
RESPONSE_TYPES = ("code",)
RFC_8628_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"

PORT_BYTES = 2
_PORTS = range(20_000, 32_000)
"""Below those that Linux, macOS and Windows give away by themselves."""

_SUCCESS = frozenset({200, 201})
_GONE = frozenset({200, 204, 401, 404})
_FORGOTTEN = frozenset({401, 403, 404})


def fixed_redirect(choice: RedirectChoice, random: bytes) -> RedirectChoice:
    """`choice` with a port: a registered client is sent back to the same one for ever.

    RFC 8252 section 7.3 has any port taken on loopback, but there are issuers that
    compare redirect URIs to the letter.

    Args:
        choice: the person's.
        random: `PORT_BYTES`, for the port where the person chose none.
    """
    if choice.uri is not None or choice.port:
        return choice
    port = _PORTS[int.from_bytes(random, "big") % len(_PORTS)]
    return replace(choice, host=choice.host or "127.0.0.1", port=port)


def kept_redirect(choice: RedirectChoice, kept: RedirectChoice) -> RedirectChoice:
    """`choice` with the host and the port that a client has already, where the person
    chose no other.
    """
    if choice.uri is not None or choice.port:
        return choice
    return replace(choice, host=choice.host or kept.host, port=kept.port, uri=kept.uri)


def redirect_uris(choice: RedirectChoice) -> tuple[str, ...]:
    """What to register for `choice`: to the letter, and for issuers that take any port.

    Args:
        choice: with a port, or a whole URI.
    """
    if choice.uri is not None:
        return (choice.uri,)
    host = choice.host or "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    return (f"http://{shown}:{choice.port}/", f"http://{shown}/")


def registration_request(
    *, endpoint: str, issuer: Issuer, uris: Sequence[str], version: str
) -> HttpRequest:
    """The request that registers a native client (RFC 7591 section 3.1).

    No secret is asked for where the issuer takes a client without one (RFC 8252
    section 8.5). `scope` is left out: a client that is registered for some scopes could
    never ask for more.

    Args:
        endpoint: the issuer's `registration_endpoint`.
        issuer: whose it is.
        uris: redirect URIs.
        version: of the broker.
    """
    metadata = {
        "client_name": CLIENT_NAME,
        "application_type": "native",  # OpenID Connect Registration 1.0: else "web"
        "redirect_uris": list(uris),
        "grant_types": _grant_types(issuer),
        "response_types": RESPONSE_TYPES,
        "token_endpoint_auth_method": _wanted_method(issuer).value,
        "software_id": SOFTWARE_ID,
        "software_version": version,
    }
    return HttpRequest(
        method="POST",
        url=endpoint,
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        body=json.dumps(metadata).encode(),
    )


def parse_registration(
    response: HttpResponse, *, issuer: Issuer, uris: Sequence[str]
) -> Client:
    """The client that the issuer has registered, as it is registered.

    An issuer may change whatever was asked for (RFC 7591 section 3.2.1): what it says
    holds, and where we cannot do what it says, the client is of no use.

    Args:
        response: of the registration endpoint, or of a look at the registration.
        issuer: who answered.
        uris: the redirect URIs that were asked for.

    Raises:
        RegistrationRefusedError: it registers none.
        IssuerInvalidError: a client that we could not use.
        IssuerMalformedError, IssuerOverloadedError, IssuerUnreachableError: as ever.
    """
    fault = transport_fault(response, issuer.url)
    if fault is not None:
        raise fault
    if response.status not in _SUCCESS:
        raise _refusal(response, issuer.url)
    members = parse_members(response.body, issuer=issuer.url, what="its registration")
    secret = _text(members, "client_secret")
    return Client(
        client_id=_client_id(members),
        client_secret=None if secret is None else Secret(secret),
        authentication=_method(members, issuer, has_secret=secret is not None),
        registration=Registration(
            redirect_uris=_own(members, issuer, uris),
            expires_at=None if secret is None else _end(members),
            uri=_configuration(members, issuer),
            access_token=_access_token(members),
        ),
    )


def serves(registration: Registration, redirect: RedirectChoice, now: UnixTime) -> bool:
    """Whether a registered client can sign in once more.

    Args:
        registration: of the client.
        redirect: where the response is awaited, with a port.
        now: on the wall clock.
    """
    if registration.expires_at is not None and registration.expires_at <= now:
        return False
    return not set(redirect_uris(redirect)).isdisjoint(registration.redirect_uris)


def look_request(registration: Registration) -> HttpRequest | None:
    """The request that reads a registration (RFC 7592 section 2.1), or None."""
    return _managing("GET", registration)


def deletion_request(registration: Registration) -> HttpRequest | None:
    """The request that ends a registration (RFC 7592 section 2.3), or None where the
    issuer has said no place for it.
    """
    return _managing("DELETE", registration)


def is_forgotten(response: HttpResponse) -> bool:
    """Whether a look at a registration says that there is none any more."""
    return response.status in _FORGOTTEN


def is_deleted(response: HttpResponse) -> bool:
    """Whether there is no such registration any more.

    RFC 7592 section 2.3: 401 is the answer for a client that is not there.
    """
    return response.status in _GONE


def _managing(method: str, registration: Registration) -> HttpRequest | None:
    if registration.uri is None or registration.access_token is None:
        return None
    token = registration.access_token.reveal()
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
    return HttpRequest(method=method, url=registration.uri, headers=headers)


def _grant_types(issuer: Issuer) -> Sequence[str]:
    if issuer.device_authorization_endpoint is None:
        return GRANT_TYPES
    return (*GRANT_TYPES, RFC_8628_GRANT_TYPE)


_OURS = (
    ClientAuthentication.NONE,
    ClientAuthentication.BASIC,
    ClientAuthentication.POST,
)
"""How a client that the broker has registered can prove itself."""


def _wanted_method(issuer: Issuer) -> ClientAuthentication:
    methods = issuer.authentication_methods
    if ClientAuthentication.NONE.value in methods:
        return ClientAuthentication.NONE
    return choose_authentication(methods, has_secret=True)


def _refusal(response: HttpResponse, issuer: str) -> BrokerError:
    """An error of RFC 7591 section 3.2.2, or whatever stands in its place."""
    error, description = f"HTTP status {response.status}", ""
    try:
        members = parse_members(response.body, issuer=issuer, what="its refusal")
        error = members.text("error") or error
        description = members.text("error_description") or ""
    except IssuerMalformedError:
        pass  # the status says enough
    return RegistrationRefusedError(
        issuer=issuer, error=safe_text(error), description=safe_text(description)
    )


def _client_id(members: Members) -> str:
    client_id = members.required_text("client_id")
    if not is_vschars(client_id):
        raise members.malformed("'client_id' has characters that none has")
    return client_id


def _text(members: Members, name: str) -> str | None:
    value = members.text(name)
    if value and not is_vschars(value):
        raise members.malformed(f"'{name}' has characters that none has")
    return value or None


def _method(
    members: Members, issuer: Issuer, *, has_secret: bool
) -> ClientAuthentication:
    named = members.text("token_endpoint_auth_method")
    if named is None:
        return choose_authentication(
            issuer.authentication_methods, has_secret=has_secret
        )
    known = {method.value: method for method in _OURS}
    if named not in known:
        raise _unusable(issuer, f"proves itself by {safe_text(named)!r}")
    method = known[named]
    if method is not ClientAuthentication.NONE and not has_secret:
        raise members.malformed(f"'{named}' without a client_secret")
    return method


def _own(members: Members, issuer: Issuer, uris: Sequence[str]) -> tuple[str, ...]:
    registered = members.texts("redirect_uris")
    if registered is None:
        return tuple(uris)
    own = tuple(uri for uri in uris if uri in registered)
    if not own:
        raise _unusable(issuer, "has other redirect URIs than were asked for")
    return own


def _end(members: Members) -> UnixTime | None:
    """`client_secret_expires_at`; 0 is never (RFC 7591 section 3.2.1)."""
    value = members.find("client_secret_expires_at")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise members.malformed("'client_secret_expires_at' is no moment")
    return UnixTime(min(value, 2**53)) if value else None


def _configuration(members: Members, issuer: Issuer) -> str | None:
    name = "registration_client_uri"
    uri = members.text(name)
    return None if uri is None else check_endpoint(uri, issuer=issuer.url, name=name)


def _access_token(members: Members) -> Secret | None:
    name = "registration_access_token"
    token = members.text(name)
    if token and not is_token(token):
        raise members.malformed(f"'{name}' is not one word of printable ASCII")
    return Secret(token) if token else None


def _unusable(issuer: Issuer, how: str) -> IssuerInvalidError:
    return IssuerInvalidError(issuer=issuer.url, what=f"registered a client that {how}")
