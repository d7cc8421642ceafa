"""mcp-remote's `HASH_tokens.json`, and `HASH_client_info.json` beside it.

The answer of a token endpoint, and of a registration (RFC 6749 5.1, RFC 7591 3.2.1).
The server is known by the hash of its URL alone, so the person has to say the issuer.
Source: mcp-remote, `src/lib/mcp-auth-config.ts`.
"""

import hashlib

from msgspec.structs import replace

from broker.control.foreign.found import (
    NO_LABEL,
    ForeignFileError,
    Found,
    label_of,
    parse_object,
    scopes_member,
    secret_member,
    text_member,
)
from broker.model.secret import Secret

_SHOWN_OF_HASH = 8


def parse_mcp_tokens(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """The tokens, without their client."""
    members = parse_object(data)
    if text_member(members, "token_type") is None:
        raise ForeignFileError("is no answer of a token endpoint")
    refresh_token = secret_member(members, "refresh_token")
    found = Found(
        label=NO_LABEL,
        refresh_token=refresh_token,
        access_token=None if refresh_token else secret_member(members, "access_token"),
        scopes=scopes_member(members, "scope"),
        obstacle=None if refresh_token else "holds no refresh token",
    )
    return (found,)


def mcp_label(file_name: str) -> str:
    """The server, as far as its file says which: by the hash in its name."""
    return f"MCP server {label_of(file_name[:_SHOWN_OF_HASH])}"


def server_hash(url: str) -> str:
    """What mcp-remote calls a server for which it is given no headers or resource."""
    return hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()


def with_mcp_client(found: Found, data: bytes) -> Found:
    """The same with its client, from the file beside it."""
    members = parse_object(data)
    return replace(
        found,
        client_id=text_member(members, "client_id"),
        client_secret=secret_member(members, "client_secret"),
    )
