"""Issuers: where their endpoints are and how they differ. Quirks are data."""

from dataclasses import dataclass, field
from enum import Enum


class RedirectPath(Enum):
    """Which path a loopback redirect URI may have at this issuer."""

    ROOT = "root"
    RANDOM = "random"
    """Known to take any path: a path that nobody can guess is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An authorization server as a login pinned it (RFC 8414 section 2).

    Attributes:
        url: the issuer URL, compared by simple string comparison.
        authorization_endpoint: where the browser is sent.
        token_endpoint: where codes and refresh tokens are spent.
        revocation_endpoint: RFC 7009, or None.
        device_authorization_endpoint: RFC 8628, or None.
        pushed_authorization_request_endpoint: RFC 9126, or None.
        registration_endpoint: RFC 7591, or None.
        end_session_endpoint: OpenID Connect RP-Initiated Logout 1.0, or None.
        userinfo_endpoint: OpenID Connect Core 1.0 section 5.3, or None.
        jwks_uri: where the keys of its ID tokens are, or None.
        scopes_supported: empty where the metadata does not say.
        authentication_methods: of the token endpoint; RFC 8414's default where
            the metadata does not say.
        response_modes: None where the metadata does not say.
        dpop_algorithms: of proofs (RFC 9449 section 5.1); empty where it takes none.
        client_id_metadata: whether a client id may be the URL of a document about it.
        response_iss: whether every authorization response carries `iss` (RFC 9207).
        openid: whether it was discovered by OpenID Connect, or says so.
    """

    url: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    registration_endpoint: str | None = None
    end_session_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    jwks_uri: str | None = None
    scopes_supported: tuple[str, ...] = ()
    authentication_methods: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods: tuple[str, ...] | None = None
    response_modes: tuple[str, ...] | None = None
    dpop_algorithms: tuple[str, ...] = ()
    client_id_metadata: bool = False
    response_iss: bool = False
    openid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPreset:
    """What is known of a well-known issuer beforehand: a row of issuers.toml.

    Attributes:
        name: what a person types after `--issuer`.
        issuer: the issuer URL.
        metadata: the document to fetch where discovery does not find it, or None.
        pinned: endpoints of an issuer that publishes no metadata, or None.
        hosts: endpoint hosts by which a client_secret.json is recognized.
        parameters: added to every authorization request.
        consent_parameters: added only where a refresh token would not come otherwise.
        default_scopes: asked for where the person names none.
        redirect_path: see `RedirectPath`.
        redirect_host: the literal this issuer insists on, or None.
        accepts_mismatched_issuer: the documented issuer value that its metadata
            carries instead of `issuer`, or None (Microsoft's `{tenantid}`).
        browser_errors: what it shows only in the browser, never to the redirect URI.
        note: one sentence for people, or None.
    """

    name: str
    issuer: str
    metadata: str | None = None
    pinned: Issuer | None = None
    hosts: tuple[str, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    consent_parameters: dict[str, str] = field(default_factory=dict)
    default_scopes: tuple[str, ...] = ()
    redirect_path: RedirectPath = RedirectPath.ROOT
    redirect_host: str | None = None
    accepts_mismatched_issuer: str | None = None
    browser_errors: tuple[str, ...] = ()
    note: str | None = None
