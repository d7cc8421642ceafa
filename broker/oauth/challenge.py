"""Challenges of a protected resource (RFC 9110 section 11.6.1, RFC 6750 section 3).

Whoever answers 401 is a stranger. Knows no network.
"""

import re
from collections.abc import Iterator

import msgspec

from broker.model.text import safe_text
from broker.oauth.grammar import is_scope_token

MAX_CHALLENGE_CHARACTERS = 8192
"""Of the whole header; longer ones are passed over."""

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_NEXT = re.compile(r"[ \t]*(?:,[ \t]*)+")
_PARAMETER = re.compile(rf"({_WORD})[ \t]*=[ \t]*({_WORD}|{_QUOTED})(?=[ \t]*(?:,|$))")
_SCHEME = re.compile(rf"({_WORD})(?:[ \t]+|(?=,)|$)")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_ESCAPED = re.compile(r"\\(.)")

_Parameters = dict[str, str]


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What a protected resource wants: a token of a scheme that we can fetch.

    Attributes:
        scheme: 'bearer' or 'dpop'.
        resource_metadata: the URL of its metadata (RFC 9728 section 5.1), not yet
            looked at, or None.
        scopes: what it wants now, in its order; None where it does not say.
        error: such as 'invalid_token', made safe to show, or None.
    """

    scheme: str
    resource_metadata: str | None
    scopes: tuple[str, ...] | None
    error: str | None


_SCHEMES = ("bearer", "dpop")


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges of the schemes Bearer and DPoP, in their order.

    A header that does not follow the grammar to its end says nothing at all, so that
    nobody smuggles a challenge in behind a broken one. Never raises.

    Args:
        header: every WWW-Authenticate of the answer, joined by commas.
    """
    if len(header) > MAX_CHALLENGE_CHARACTERS or "\n" in header or "\r" in header:
        return ()
    try:
        found = list(_challenges(header))
    except ValueError:
        return ()
    return tuple(
        _challenge(scheme, said) for scheme, said in found if scheme in _SCHEMES
    )


def _challenge(scheme: str, said: _Parameters) -> Challenge:
    scope, error = said.get("scope"), said.get("error")
    return Challenge(
        scheme=scheme,
        resource_metadata=said.get("resource_metadata"),
        scopes=None if scope is None else _scopes(scope),
        error=None if error is None else safe_text(error),
    )


def _scopes(text: str) -> tuple[str, ...] | None:
    """Each once; None where one of them can be no scope."""
    scopes = tuple(dict.fromkeys(scope for scope in text.split(" ") if scope))
    return scopes if scopes and all(map(is_scope_token, scopes)) else None


def _challenges(header: str) -> Iterator[tuple[str, _Parameters]]:
    """Each scheme in lower case, with its parameters.

    Raises:
        ValueError: the header does not follow the grammar.
    """
    at, end = _skip(_NEXT, header, 0), len(header.rstrip(" \t"))
    while at < end:
        scheme = _SCHEME.match(header, at)
        if scheme is None:
            raise ValueError("no scheme")
        said, at = _parameters(header, _skip(_TOKEN68, header, scheme.end()))
        following = _skip(_NEXT, header, at)
        if at == following < end:
            raise ValueError("no comma")
        at = following
        yield scheme[1].lower(), said


def _parameters(header: str, at: int) -> tuple[_Parameters, int]:
    """The parameters from here on, and where they end.

    A parameter has a '=' behind its name, and a scheme has none: by that they are told
    apart, since commas part both.

    Raises:
        ValueError: one of them stands there twice.
    """
    said: _Parameters = {}
    found = _PARAMETER.match(header, at)
    while found:
        name, value = found[1].lower(), found[2]
        if name in said:
            raise ValueError("a parameter stands in it twice")
        said[name] = _unquoted(value)
        at = found.end()
        found = _PARAMETER.match(header, _skip(_NEXT, header, at))
    return said, at


def _skip(pattern: re.Pattern[str], header: str, at: int) -> int:
    found = pattern.match(header, at)
    return at if found is None else found.end()


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
