"""Metadata of a protected resource, such as an MCP server (RFC 9728).

Knows no network.
"""

from urllib.parse import urlsplit

import msgspec

from broker.model.errors import IssuerMalformedError, ResourceInvalidError
from broker.model.text import safe_text
from broker.oauth.endpoints import is_plain_http, url_fault
from broker.oauth.grammar import is_scope_token
from broker.oauth.members import Members, parse_members

RFC_9728_WELL_KNOWN = "/.well-known/oauth-protected-resource"

MOST_AUTHORIZATION_SERVERS = 32
"""They are shown to a person, who picks one."""


class ProtectedResource(msgspec.Struct, frozen=True, kw_only=True):
    """What a protected resource says of itself.

    Attributes:
        resource: its identifier, as it is to be sent in `resource` (RFC 8707).
        authorization_servers: issuer URLs, each one that can be one; may be empty.
        scopes_supported: None where it does not say.
    """

    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] | None = None


def parse_resource_url(text: str) -> str:
    """`text` as it was typed, if it can be a protected resource on the network.

    Raises:
        ResourceInvalidError: not https (plain http only for loopback), or with
            userinfo, fragment or characters that no URL has (RFC 9728 section 1.2).
    """
    fault = url_fault(text)
    if fault is not None:
        raise ResourceInvalidError(resource=safe_text(text), what=f"it {fault}")
    return text


def resource_metadata_urls(resource: str) -> tuple[str, ...]:
    """Where the metadata of a resource may lie, in the order to try.

    First inserted between host and path (RFC 9728 section 3.1), then at the root of the
    host, as MCP has it.
    """
    parts = urlsplit(resource)
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    root = f"{parts.scheme}://{parts.netloc}{RFC_9728_WELL_KNOWN}"
    return tuple(dict.fromkeys((f"{root}{path}{query}", root)))


def is_same_resource(one: str, other: str) -> bool:
    """Whether both name the same resource: by simple string comparison.

    An empty path and '/' are the same request (RFC 9110 section 4.2.3).
    """
    return _with_path(one) == _with_path(other)


def parse_protected_resource(body: bytes, *, resource: str) -> ProtectedResource:
    """The metadata, if it is that of `resource`.

    That of the host as a whole is not: on a host with many tenants, each could have
    tokens of all of them sent to itself (RFC 9728 section 7.3).

    Args:
        body: `{"resource": str, "authorization_servers": [str], "scopes_supported":
            [str], ...}`; unknown members are ignored.
        resource: the URL that was asked.

    Raises:
        ResourceInvalidError: not a JSON object, a member of the wrong type, an
            authorization server that none can be; or metadata of another resource,
            whose tokens would go astray (RFC 9728 section 3.3).
    """
    try:
        members = parse_members(body, issuer=resource, what="its metadata")
        found = members.required_text("resource")
        servers = members.texts("authorization_servers") or ()
        scopes = _scopes(members)
        methods = members.texts("bearer_methods_supported")
    except IssuerMalformedError as exc:
        raise _invalid(resource, exc.what) from None
    if not is_same_resource(found, resource):
        raise _invalid(
            resource,
            f"its metadata is of another resource, {safe_text(found)!r}: "
            "if that is the one you mean, name it instead",
        )
    # RFC 9728 section 2: an empty array says that it takes no bearer token at all.
    if methods is not None and "header" not in methods:
        raise _invalid(resource, "it takes no token in a header")
    if len(servers) > MOST_AUTHORIZATION_SERVERS:
        raise _invalid(resource, "it names too many authorization servers")
    for server in servers:
        _check_server(server, resource)
    return ProtectedResource(
        resource=found,
        authorization_servers=tuple(dict.fromkeys(servers)),
        scopes_supported=scopes,
    )


def check_metadata_url(url: str, *, resource: str) -> str:
    """`url`, if the metadata of `resource` may be fetched there.

    Raises:
        ResourceInvalidError: as for `parse_resource_url`, or plain http where the
            resource is https: a stranger must not make the broker ask local services.
    """
    fault = _fault(url, resource)
    if fault is not None:
        raise _invalid(
            resource, f"its metadata is at {safe_text(url)!r}, which {fault}"
        )
    return url


def _check_server(url: str, resource: str) -> None:
    fault = _fault(url, resource)
    if fault is not None:
        what = f"its authorization server {safe_text(url)!r} {fault}"
        raise _invalid(resource, what)


def _fault(url: str, resource: str) -> str | None:
    fault = url_fault(url)
    if fault is None and is_plain_http(url) and not is_plain_http(resource):
        return "is plain http, though the resource is https"
    return fault


def _scopes(members: Members) -> tuple[str, ...] | None:
    scopes = members.texts("scopes_supported")
    # They are asked for, and shown to people: what cannot be a scope is left out.
    return None if scopes is None else tuple(filter(is_scope_token, scopes))


def _with_path(url: str) -> str:
    # Nothing but the slashes behind the scheme: there is no path. Nothing is parsed
    # here, because what a stranger calls his resource may be no URL at all.
    return f"{url}/" if url.count("/") == len("//") else url


def _invalid(resource: str, what: str) -> ResourceInvalidError:
    return ResourceInvalidError(resource=safe_text(resource), what=what)
