"""Issuer metadata (RFC 8414, OpenID Connect Discovery 1.0). Knows no network."""

from functools import partial
from urllib.parse import urlsplit

from broker.model.errors import IssuerInvalidError, IssuerMismatchError
from broker.model.issuer import Issuer
from broker.model.text import safe_text
from broker.oauth.endpoints import check_endpoint
from broker.oauth.grammar import is_scope_token
from broker.oauth.members import Members, parse_members

RFC_8414_DEFAULT_METHODS = ("client_secret_basic",)
"""RFC 8414 section 2: what holds where the metadata names no method."""

# REQUIRED by OpenID Connect Discovery section 3, unknown to plain OAuth.
_OPENID_MEMBER = "id_token_signing_alg_values_supported"


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where the metadata of an issuer may lie, in the order to try.

    First OpenID Connect's, appended to the issuer (Discovery 1.0 section 4.1), then
    RFC 8414's, inserted between host and path (section 3.1). Where both are there,
    the first says all that the second says and also that there are ID tokens; and
    most issuers have only the first.

    Args:
        issuer: an issuer URL, parsed; a slash at its end is dropped, as both
            documents demand.
    """
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    host = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{host}{path}/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server{path}",
    )


def mcp_metadata_urls(issuer: str) -> tuple[str, ...]:
    """The same for the issuer of an MCP server, in the order that MCP demands.

    RFC 8414's first; then OpenID Connect's, inserted as RFC 8414 section 5 has it, and
    appended as Discovery has it.

    Source: MCP 2026-07-28, authorization server metadata discovery.
    """
    appended, inserted = metadata_urls(issuer)
    openid = inserted.replace("oauth-authorization-server", "openid-configuration", 1)
    return tuple(dict.fromkeys((inserted, openid, appended)))


def parse_metadata(
    body: bytes,
    *,
    issuer: str,
    accepts_issuer: str | None = None,
    attended: bool = True,
) -> Issuer:
    """The issuer that a metadata document describes.

    Args:
        body: `{"issuer": str, "authorization_endpoint": str, "token_endpoint": str,
            ...}`; unknown members are ignored.
        issuer: the issuer URL from which the document's address was built.
        accepts_issuer: another `issuer` value that is documented for this issuer.
        attended: whether somebody is to sign in there: else it may have no
            authorization endpoint (RFC 8414 section 2).

    Raises:
        IssuerMismatchError: the document names another issuer (RFC 8414 section 3.3,
            Discovery 1.0 section 4.3).
        IssuerInvalidError: an endpoint is missing or cannot be used.
        IssuerMalformedError: not a JSON object, or a member of the wrong type.
    """
    members = parse_members(body, issuer=issuer, what="its metadata")
    found = members.required_text("issuer")
    if found not in (issuer, accepts_issuer):
        raise IssuerMismatchError(issuer=safe_text(issuer), found=safe_text(found))
    scopes = members.texts("scopes_supported") or ()
    optional = partial(_optional_endpoint, members, issuer=issuer)
    return Issuer(
        url=issuer,
        authorization_endpoint=_endpoint(members, "authorization_endpoint", issuer)
        if attended
        else optional("authorization_endpoint") or "",
        token_endpoint=_endpoint(members, "token_endpoint", issuer),
        revocation_endpoint=optional("revocation_endpoint"),
        device_authorization_endpoint=optional("device_authorization_endpoint"),
        pushed_authorization_request_endpoint=optional(
            "pushed_authorization_request_endpoint"
        ),
        registration_endpoint=optional("registration_endpoint"),
        end_session_endpoint=optional("end_session_endpoint"),
        userinfo_endpoint=optional("userinfo_endpoint"),
        jwks_uri=optional("jwks_uri"),
        # Shown to people: what cannot be a scope is left out.
        scopes_supported=tuple(scope for scope in scopes if is_scope_token(scope)),
        authentication_methods=members.texts("token_endpoint_auth_methods_supported")
        or RFC_8414_DEFAULT_METHODS,
        assertion_algorithms=members.texts(
            "token_endpoint_auth_signing_alg_values_supported"
        )
        or (),
        mtls_token_endpoint=_mtls_endpoint(members, "token_endpoint", issuer),
        mtls_revocation_endpoint=_mtls_endpoint(members, "revocation_endpoint", issuer),
        code_challenge_methods=_challenge_methods(members, issuer),
        response_modes=members.texts("response_modes_supported") or None,
        id_token_algorithms=members.texts(_OPENID_MEMBER) or (),
        dpop_algorithms=members.texts("dpop_signing_alg_values_supported") or (),
        client_id_metadata=members.flag("client_id_metadata_document_supported"),
        response_iss=members.flag("authorization_response_iss_parameter_supported"),
        openid="openid" in scopes or members.find(_OPENID_MEMBER) is not None,
    )


def _endpoint(members: Members, name: str, issuer: str) -> str:
    url = _optional_endpoint(members, name, issuer=issuer)
    if url is None:
        raise IssuerInvalidError(
            issuer=safe_text(issuer), what=f"its metadata has no {name}"
        )
    return url


def _optional_endpoint(members: Members, name: str, *, issuer: str) -> str | None:
    url = members.text(name)
    return None if url is None else check_endpoint(url, issuer=issuer, name=name)


def _mtls_endpoint(members: Members, name: str, issuer: str) -> str | None:
    """Where a client with a certificate asks (RFC 8705 section 5)."""
    aliases = members.object("mtls_endpoint_aliases")
    return None if aliases is None else _optional_endpoint(aliases, name, issuer=issuer)


def _challenge_methods(members: Members, issuer: str) -> tuple[str, ...] | None:
    methods = members.texts("code_challenge_methods_supported")
    # Never a fall back to plain (RFC 7636 section 7.2): better no login at all.
    if methods and "S256" not in methods:
        raise IssuerInvalidError(
            issuer=safe_text(issuer), what="does not take PKCE with S256"
        )
    return methods or None
