"""Where a token may be sent: origins (RFC 6454). Knows no HTTP library."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port, normal: lower case, the default port spelt out."""

    scheme: str
    host: str
    port: int


def parse_origins(origins: Collection[str]) -> frozenset[Origin]:
    """The origins that a program names, checked.

    At least one is needed: a token that went wherever the first request goes would
    follow the first wrong URL.

    Args:
        origins: such as ['https://www.googleapis.com']; http only for loopback.

    Raises:
        ValueError: none is named, or one is no origin, or not safe to send to.
    """
    if isinstance(origins, str) or not origins:
        raise ValueError("name the origins that may see the token, in a list")
    return frozenset(_parse_origin(text) for text in origins)


def origin_of(url: str) -> Origin | None:
    """The origin of an absolute URL; None where it has none that a token may see."""
    try:
        parts = urlsplit(url)
        return make_origin(parts.scheme, parts.hostname, parts.port)
    except ValueError:
        return None


def make_origin(scheme: str, host: str | None, port: int | None) -> Origin | None:
    """An origin from the parts that an HTTP library has parsed; None as above."""
    scheme = scheme.lower()
    if not host or scheme not in _PORTS:
        return None
    host = host.lower().strip("[]")
    if scheme == "http" and not _is_loopback(host):
        return None
    return Origin(scheme, host, _PORTS[scheme] if port is None else port)


def _parse_origin(text: str) -> Origin:
    parts = urlsplit(text)
    origin = origin_of(text)
    # '@' before the host: https://good@evil is evil's.
    if origin is None or "@" in parts.netloc:
        raise ValueError(f"not an https origin, nor a loopback one: {text!r}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"an origin has no path: {text!r}")
    return origin


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
