"""Clients: registrations at an issuer (RFC 6749 section 2)."""

from dataclasses import dataclass
from enum import Enum

from broker.model.secret import Secret


class ClientAuthentication(Enum):
    """How a client proves itself at the token endpoint, as registered names."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registration.

    Attributes:
        client_id: what the issuer calls it; no secret.
        client_secret: None for a public client.
        authentication: chosen at login from what the issuer offers.
    """

    client_id: str
    client_secret: Secret | None = None
    authentication: ClientAuthentication = ClientAuthentication.NONE
