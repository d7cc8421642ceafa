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
        scopes_supported: empty where the metadata does not say.
        authentication_methods: of the token endpoint; RFC 8414's default where
            the metadata does not say.
        response_iss: whether every authorization response carries `iss` (RFC 9207).
        openid: whether it was discovered by OpenID Connect, or says so.
    """

    url: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()
    authentication_methods: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods: tuple[str, ...] | None = None
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
