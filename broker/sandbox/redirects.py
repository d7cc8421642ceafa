"""Which redirect URIs the sandbox's installed client may use. Pure."""

import re

from broker.oauth.oob import OOB_AUTO_URI, OOB_URI

# A whole-URI grammar instead of a URL parser: parsers disagree about `\`, `@` and
# tabs in the authority, and each disagreement is an open redirector.
_LOOPBACK = re.compile(
    r"(?P<origin>http://(?P<host>127\.0\.0\.1|\[::1\]|localhost)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?)"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
)
_LAST_PORT = 65535


def is_out_of_band(uri: str) -> bool:
    """Whether `uri` asks for a page that shows the code, as Google's had it."""
    return uri in {OOB_URI, OOB_AUTO_URI}


def is_loopback_redirect(uri: str) -> bool:
    """Whether `uri` is http on a loopback host, with any port and any path.

    A query, a fragment and user information are refused. Source: RFC 8252
    section 7.3; the free path is what an installed client of Google's has.
    """
    match = _LOOPBACK.fullmatch(uri)
    return match is not None and int(match["port"] or 80) <= _LAST_PORT


def form_action_source(uri: str) -> str:
    """The source expression that lets a form's answer redirect to `uri`.

    Browsers apply `form-action` to the redirect that answers the form too. A
    source expression cannot hold an IPv6 literal, so that there the scheme must do.
    Source: Content Security Policy Level 3, sections 2.3.1 and 6.4.1.
    """
    match = _LOOPBACK.fullmatch(uri)
    if match is None:
        raise ValueError("not a loopback redirect URI")
    return "http:" if match["host"] == "[::1]" else match["origin"]
