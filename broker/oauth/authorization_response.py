"""The authorization response (RFC 6749 section 4.1.2, RFC 9207), as it came back.

Knows no listener. What the browser was sent to is `oauth/authorization.py`.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.oauth.grammar import is_vschars

MAX_RESPONSE_CHARACTERS = 16384
"""Of the query string; the longest codes there are have some 2,000."""

_MAX_RESPONSE_PARAMETERS = 64


class CodeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The person agreed; the code is to be spent once."""

    code: Secret


class RefusedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The person, or the issuer, said no.

    Attributes:
        error: such as 'access_denied', made safe to show.
        description: the issuer's words, made safe to show; may be empty.
    """

    error: str
    description: str


class BrokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """It belongs to this login, but cannot be trusted: the login is over.

    Attributes:
        reason: the end of a sentence about the response, safe to show.
    """

    reason: str


class StrayResponse(msgspec.Struct, frozen=True, kw_only=True):
    """It does not belong to this login: it must not end it."""


AuthorizationResponse = CodeResponse | RefusedResponse | BrokenResponse | StrayResponse


def parse_authorization_response(
    query: str, *, state: Secret, issuer: Issuer
) -> AuthorizationResponse:
    """What arrived at the redirect URI. Never raises, whatever came.

    `state` goes before everything else: any page on the web can make a browser
    call the redirect URI with an `error`, and must not end the login by it.

    Args:
        query: the raw query string, without '?', or the raw form, as the browser
            sent it.
        state: of the authorization request.
        issuer: to whom the browser was sent.

    Source: RFC 6749 sections 4.1.2 and 3.1, RFC 9207 section 2.4.
    """
    pairs = _parse_query(query)
    states = [value for name, value in pairs if name == "state"]
    if len(states) != 1 or not _is_equal(states[0], state):
        return StrayResponse()
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        return BrokenResponse(reason="a parameter stands in it twice")
    # RFC 6749 section 3.1: a parameter without a value counts as left out.
    return _parse_own({name: value for name, value in pairs if value}, issuer)


def _parse_own(parameters: Mapping[str, str], issuer: Issuer) -> AuthorizationResponse:
    """A response whose state is this login's."""
    fault = _issuer_fault(parameters.get("iss"), issuer)
    if fault is not None:
        return BrokenResponse(reason=fault)
    if "response" in parameters:
        return BrokenResponse(reason="it is a JWT (JARM), which was not asked for")
    if "error" in parameters:
        return RefusedResponse(
            error=safe_text(parameters["error"]),
            description=safe_text(parameters.get("error_description", "")),
        )
    code = parameters.get("code")
    if code is None:
        return BrokenResponse(reason="it has neither a code nor an error")
    if not is_vschars(code):
        return BrokenResponse(reason="its code has characters that no code has")
    return CodeResponse(code=Secret(code))


def _issuer_fault(iss: str | None, issuer: Issuer) -> str | None:
    """Mix-up: the response of another issuer than was asked (RFC 9207 section 2.4)."""
    if iss is None:
        return "it does not name its issuer" if issuer.response_iss else None
    if iss != issuer.url:
        return f"it comes from another issuer, {safe_text(iss)!r}"
    return None


def _parse_query(query: str) -> list[tuple[str, str]]:
    """Pairs, or none at all where the query is too long to be looked at."""
    if len(query) > MAX_RESPONSE_CHARACTERS:
        return []
    try:
        return parse_qsl(
            query,
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MAX_RESPONSE_PARAMETERS,
        )
    except ValueError:  # too many parameters
        return []


def _is_equal(value: str, state: Secret) -> bool:
    # Our own state is ASCII; a lone surrogate in a forged one has no bytes to compare.
    return value.isascii() and Secret(value) == state
