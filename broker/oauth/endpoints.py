"""Issuer URLs and endpoint URLs: which are taken. The one URL parser of the project.

Knows no network: a name is never resolved.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from broker.model.errors import IssuerInvalidError
from broker.model.text import safe_text

MAX_URL_CHARACTERS = 2048

# RFC 3986 section 2, nothing else: urlsplit drops tabs and newlines without a word,
# and a second parser further down would see another host.
_URL = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_NAME_CHARACTERS = 253


def parse_issuer_url(text: str) -> str:
    """`text` as it was typed, if it can be an issuer (RFC 8414 section 2).

    Nothing is normalized: issuers are compared by simple string comparison.

    Raises:
        IssuerInvalidError: not https (plain http only for 127.0.0.0/8, [::1] and
            localhost), or with userinfo, query, fragment or characters that no URL
            has.
    """
    fault = url_fault(text) or ("has a query" if "?" in text else None)
    if fault is not None:
        raise IssuerInvalidError(issuer=safe_text(text), what=fault)
    return text


def check_endpoint(url: str, *, issuer: str, name: str = "endpoint") -> str:
    """`url`, if a browser or a token may be sent there on behalf of `issuer`.

    Args:
        url: from metadata or a preset; may have a query (RFC 6749 section 3.1).
        issuer: the issuer URL, parsed.
        name: how the endpoint is called in the error, such as 'token_endpoint'.

    Raises:
        IssuerInvalidError: as `parse_issuer_url`, or plain http where the issuer
            is https.
    """
    fault = url_fault(url)
    # An issuer on the network must not make the broker post to local services.
    if fault is None and is_plain_http(url) and not is_plain_http(issuer):
        fault = "is plain http, though the issuer is https"
    if fault is not None:
        raise IssuerInvalidError(
            issuer=safe_text(issuer), what=f"its {name} {safe_text(url)!r} {fault}"
        )
    return url


def url_fault(url: str) -> str | None:
    """What is wrong with a URL, as the end of a sentence, or None."""
    if len(url) > MAX_URL_CHARACTERS:
        return f"is longer than {MAX_URL_CHARACTERS} characters"
    if not _URL.fullmatch(url):
        return "has characters that no URL has"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.netloc.endswith(":") or port == 0:
        return "has no usable port"
    return _parts_fault(url, parts)


def endpoint_host(url: str) -> str | None:
    """The host of an https URL in lower case, or None for every other text."""
    if url_fault(url) is not None or is_plain_http(url):
        return None
    return urlsplit(url).hostname


def is_plain_http(url: str) -> bool:
    """Whether it is http, not https."""
    return url.startswith("http:")


def _parts_fault(url: str, parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    # As typed: a scheme in capitals would be another string to every comparison.
    if not url.startswith(("https://", "http://")):
        return "does not begin with https://"
    if "@" in parts.netloc:
        return "has a user name in it"
    if "#" in url:
        return "has a fragment"
    if not _is_host(parts.netloc, host):
        return "has no usable host"
    if is_plain_http(url) and not is_loopback(host):
        return "is plain http, which is taken only for a loopback address"
    return None


def _is_host(netloc: str, host: str) -> bool:
    if netloc.startswith("["):
        # A zone (%25eth0) is a matter of this machine, never of an issuer.
        return "%" not in host and _address(host) is not None
    return len(host) <= _MAX_NAME_CHARACTERS and _NAME.fullmatch(host) is not None


def is_loopback(host: str) -> bool:
    """Whether `host` is 'localhost' or a literal of 127.0.0.0/8 or ::1.

    ::ffff:127.0.0.1 and the short forms of inet_aton (127.1) are not: parsers
    disagree about them.
    """
    if host == "localhost":
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback
    return address == ipaddress.IPv6Address("::1")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
