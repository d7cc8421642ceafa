"""Parameters of an OAuth request, read strictly. Knows no endpoint and no network.

oauthlib lets the last of several equal parameters win, and lets a request set
attributes that its grant types trust (`client`, `user`, `scopes`). So nothing
reaches it but what is named here, once.
"""

import base64
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote_plus

_PARAMETERS = 100
_RESOURCES = 8

AUTHORIZATION = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "login_hint",
        "nonce",
        "prompt",
        "redirect_uri",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)
"""What the authorization endpoint reads; the rest is ignored (RFC 6749 3.1)."""

TOKEN = frozenset(
    {
        "client_id",
        "client_secret",
        "code",
        "code_verifier",
        "device_code",
        "grant_type",
        "redirect_uri",
        "refresh_token",
        "resource",
        "scope",
        "token",
        "token_type_hint",
    }
)
"""What the token, revocation, introspection and device endpoints read."""


def parse_pairs(encoded: str) -> list[tuple[str, str]]:
    """Names and values of a form or a query, in order, empty values left out.

    A parameter without a value counts as absent (RFC 6749 section 3.1).

    Raises:
        ValueError: not ASCII, more than 100 parameters, or not UTF-8 under the
            encoding.
    """
    if not encoded.isascii():
        raise ValueError("a character that is not encoded")
    try:
        # Without `keep_blank_values` it leaves the empty ones out itself.
        return parse_qsl(encoded, errors="strict", max_num_fields=_PARAMETERS)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def parse_parameters(encoded: str, known: frozenset[str]) -> dict[str, str]:
    """The known parameters; several `resource` (RFC 8707) joined by a space.

    Raises:
        ValueError: a parameter stands twice, or `parse_pairs` refuses. The
            message may be shown: it holds no value of a parameter.
    """
    found: dict[str, str] = {}
    resources: list[str] = []
    for name, value in parse_pairs(encoded):
        if name not in known:
            continue
        if name == "resource":
            resources.append(value)
        elif name in found:
            raise ValueError(f"the parameter {name} stands twice")
        else:
            found[name] = value
    return found | _joined(resources)


def parse_basic(header: str) -> tuple[str | None, str | None]:
    """Client id and secret of an Authorization header, form-encoded in it, or Nones.

    Source: RFC 6749 section 2.3.1, RFC 7617.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:  # not base64, or not UTF-8
        return None, None
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _joined(resources: Iterable[str]) -> dict[str, str]:
    unique = list(dict.fromkeys(resources))
    if len(unique) > _RESOURCES:
        raise ValueError(f"more than {_RESOURCES} resources")
    # A space inside one would make two of it; no URI has one.
    if any(" " in resource for resource in unique):
        raise ValueError("a resource holds a space")
    return {"resource": " ".join(unique)} if unique else {}
