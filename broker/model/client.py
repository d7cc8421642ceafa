"""Clients: registrations at an issuer (RFC 6749 section 2)."""

from dataclasses import dataclass
from enum import Enum

from broker.model.secret import Secret
from broker.model.time import UnixTime


class ClientAuthentication(Enum):
    """How a client proves itself at the token endpoint, as registered names."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What an issuer said of a client that the broker registered there (RFC 7591).

    Attributes:
        redirect_uris: those that are registered.
        expires_at: when the client secret ends, or None.
        uri: where it is looked at and deleted (RFC 7592), or None.
        access_token: for that, or None.
    """

    redirect_uris: tuple[str, ...] = ()
    expires_at: UnixTime | None = None
    uri: str | None = None
    access_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registration.

    Attributes:
        client_id: what the issuer calls it; no secret.
        client_secret: None for a public client.
        authentication: chosen at login from what the issuer offers.
        registration: where the broker made it, else None.
    """

    client_id: str
    client_secret: Secret | None = None
    authentication: ClientAuthentication = ClientAuthentication.NONE
    registration: Registration | None = None
