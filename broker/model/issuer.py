"""Issuers: where their endpoints are and how they differ. Quirks are data."""

from enum import Enum

import msgspec

from broker.model.way import Way


class RedirectPath(Enum):
    """Which path a loopback redirect URI may have at this issuer."""

    ROOT = "root"
    RANDOM = "random"
    """Known to take any path: a path that nobody can guess is used."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How the messages of an issuer differ from the RFCs, as data.

    They are pinned with its endpoints: a refresh must know them long after the login.

    Attributes:
        scope_parameter: of the authorization request, where it is not `scope`.
        scope_separator: between the scopes of a request, where it is not a space.
        login_hint_parameter: where it is not `login_hint`.
        token_member: the object in a token answer that holds the person's tokens,
            where they do not lie at the top; looked for, and not insisted on.
        bearer_names: what its token answers call a bearer token besides 'Bearer'.
    """

    scope_parameter: str = "scope"
    scope_separator: str = " "
    login_hint_parameter: str = "login_hint"
    token_member: str | None = None
    bearer_names: tuple[str, ...] = ()


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server as a login pinned it (RFC 8414 section 2).

    Attributes:
        url: the issuer URL, compared by simple string comparison.
        authorization_endpoint: where the browser is sent; empty where nobody signs in.
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
        assertion_algorithms: with which a client may sign who it is; empty where the
            metadata does not say.
        mtls_token_endpoint: for clients that show a certificate, where it is another
            (RFC 8705 section 5).
        mtls_revocation_endpoint: the same.
        response_modes: None where the metadata does not say.
        id_token_algorithms: with which it signs them; empty where it does not say.
        dpop_algorithms: of proofs (RFC 9449 section 5.1); empty where it takes none.
        client_id_metadata: whether a client id may be the URL of a document about it.
        response_iss: whether every authorization response carries `iss` (RFC 9207).
        openid: whether it was discovered by OpenID Connect, or says so.
        quirks: see `Quirks`; known of a preset alone.
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
    assertion_algorithms: tuple[str, ...] = ()
    mtls_token_endpoint: str | None = None
    mtls_revocation_endpoint: str | None = None
    code_challenge_methods: tuple[str, ...] | None = None
    response_modes: tuple[str, ...] | None = None
    id_token_algorithms: tuple[str, ...] = ()
    dpop_algorithms: tuple[str, ...] = ()
    client_id_metadata: bool = False
    response_iss: bool = False
    openid: bool = False
    quirks: Quirks = Quirks()


class PresetOrigin(Enum):
    """Who says what a preset says."""

    SHIPPED = "shipped"
    """issuers.toml, which comes with brokerd."""
    CONFIG = "config"
    """`[issuers.NAME]` of the person's config.toml."""
    CONFIG_INSTEAD = "config-instead"
    """The person's, in the place of a shipped one of this name."""


class IssuerPreset(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a well-known issuer beforehand: a row of issuers.toml.

    Attributes:
        name: what a person types after `--issuer`.
        issuer: the issuer URL; or a template of one, with `{placeholders}`: then the
            person types a URL of that shape.
        metadata: the document to fetch where discovery does not find it, or None.
        pinned: endpoints of an issuer that publishes no metadata, or None.
        hosts: endpoint hosts by which a client_secret.json is recognized.
        parameters: added to every authorization request.
        consent_parameters: added only where a refresh token would not come otherwise.
        default_scopes: asked for where the person names none.
        ways: the ways to sign in that it documents.
        refused_ways: ways that it is known to refuse, each with a sentence why and
            what to do instead.
        device_scopes: the only ones it gives with a device code; None for any.
        quirks: see `Quirks`.
        redirect_path: see `RedirectPath`.
        redirect_host: the literal this issuer insists on, or None.
        redirect_port: the port to use where it wants the redirect URI to the letter;
            None where any port will do.
        accepts_mismatched_issuer: the documented issuer value that its metadata
            carries instead of `issuer`, or None (Microsoft's `{tenantid}`).
        jwks_uri: where the keys of its ID tokens are, for accounts that were made
            without its metadata; None where nothing is known beforehand.
        browser_errors: what it shows only in the browser, never to the redirect URI.
        dpop: whether it gives this client bound tokens only (RFC 9449).
        note: one sentence for people, or None.
    """

    name: str
    issuer: str
    metadata: str | None = None
    pinned: Issuer | None = None
    hosts: tuple[str, ...] = ()
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    consent_parameters: dict[str, str] = msgspec.field(default_factory=dict)
    default_scopes: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    refused_ways: dict[Way, str] = msgspec.field(default_factory=dict)
    device_scopes: tuple[str, ...] | None = None
    quirks: Quirks = Quirks()
    redirect_path: RedirectPath = RedirectPath.ROOT
    redirect_host: str | None = None
    redirect_port: int | None = None
    accepts_mismatched_issuer: str | None = None
    jwks_uri: str | None = None
    browser_errors: tuple[str, ...] = ()
    dpop: bool = False
    note: str | None = None
    origin: PresetOrigin = PresetOrigin.SHIPPED

    @property
    def is_template(self) -> bool:
        """Whether `issuer` has placeholders."""
        return "{" in self.issuer

    @property
    def redirect_rule(self) -> str | None:
        """What is to be registered as redirect URI; None where it is not loopback's."""
        if Way.LOOPBACK in self.refused_ways or Way.LOOPBACK not in self.ways:
            return None
        host = self.redirect_host or "127.0.0.1"
        if self.redirect_port is None:
            return f"http://{host}/ (any port)"
        return f"http://{host}:{self.redirect_port}/ (exactly)"
