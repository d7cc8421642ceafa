"""Clients: registrations at an issuer (RFC 6749 section 2)."""

from enum import Enum

import msgspec

from broker.model.secret import Secret
from broker.model.time import UnixTime


class ClientAuthentication(Enum):
    """How a client proves itself at the token endpoint, as registered names."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    """It signs who it is (RFC 7523 section 2.2)."""
    TLS = "tls_client_auth"
    """Its certificate says who it is (RFC 8705 section 2.1)."""
    SELF_SIGNED_TLS = "self_signed_tls_client_auth"
    """The issuer knows its very certificate (RFC 8705 section 2.2)."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key that signs JWTs.

    Attributes:
        jwk: the key as the JSON of a JWK, with its `kid` where it has one.
        algorithm: with which it signs, such as 'RS256' (RFC 7518 section 3.1).
    """

    jwk: Secret
    algorithm: str


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """Files of the person's, read for each change of theirs and kept nowhere else.

    Attributes:
        certificate: absolute path of the PEM of the certificate and its chain.
        key: that of its private key; None where it lies in the same file.
    """

    certificate: str
    key: str | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True):
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


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One registration.

    Attributes:
        client_id: what the issuer calls it; no secret.
        client_secret: None for a public client.
        authentication: chosen at login from what the issuer offers.
        registration: where the broker made it, else None.
        key: with which it signs who it is, or None.
        audience: for whom it signs that: the issuer, by the name that it wants there.
        certificate: that it shows, or None.
    """

    client_id: str
    client_secret: Secret | None = None
    authentication: ClientAuthentication = ClientAuthentication.NONE
    registration: Registration | None = None
    key: SigningKey | None = None
    audience: str | None = None
    certificate: ClientCertificate | None = None
