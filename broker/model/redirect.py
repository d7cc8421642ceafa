"""What passes between a login and its redirect listener. Knows neither."""

from collections.abc import Awaitable, Callable
from enum import Enum

import msgspec


class ResponseMode(Enum):
    """How the browser brings the authorization response."""

    QUERY = "query"
    """In the address (RFC 6749 section 4.1.2)."""
    FORM_POST = "form_post"
    """In a form that a page of the issuer sends by itself (OAuth 2.0 Form Post Response
    Mode)."""


class Verdict(Enum):
    """What the login says of something that arrived at the redirect URI."""

    STRAY = "stray"
    """Not this login's: answered, and the login goes on."""
    TAKEN = "taken"
    """It was the response: the browser is moved on to the outcome."""


class Outcome(Enum):
    """How a login ended, as the browser is shown it."""

    SIGNED_IN = "signed_in"
    REFUSED = "refused"
    FAILED = "failed"


class RedirectSite(msgspec.Struct, frozen=True, kw_only=True):
    """What the redirect listener is asked to be.

    Attributes:
        host: host of the redirect URI: '127.0.0.1', '::1' or 'localhost'.
        bind: a literal loopback address to listen on, or None for the host's own;
            'localhost' holds both families on one port.
        port: 0 for any free one.
        path: begins with '/'.
        mode: the one way in which the response is taken.
        success_message: the person's own sentence for the success page, or None.
        on_response: given the raw query string or form, decides at once; never raises.
        outcome: awaited by the page that the browser is moved to.
    """

    host: str
    port: int
    path: str
    on_response: Callable[[str], Verdict]
    outcome: Callable[[], Awaitable[Outcome]]
    bind: str | None = None
    mode: ResponseMode = ResponseMode.QUERY
    success_message: str | None = None
