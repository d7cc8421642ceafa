"""The static pages of the loopback site. Nothing in them comes from a request."""

import base64
import hashlib
import html
from dataclasses import dataclass, field
from pathlib import Path

from broker.model.text import safe_text

LONGEST_MESSAGE_CHARACTERS = 500

# Not by importlib.resources, which costs the daemon as much memory as all its services.
_FOLDER = Path(__file__).with_name("pages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, with the policy under which a browser may show it.

    Attributes:
        body: HTML in UTF-8.
        security_policy: the Content-Security-Policy: nothing but our own style.
    """

    body: bytes = field(repr=False)
    security_policy: str


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


_STYLE = _file("style.css")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def _page(name: str, message: str = "") -> Page:
    """Read a page and put it into the frame that all share.

    Args:
        name: of the file in `pages/`, without '.html'.
        message: text of the person's own, not yet escaped.
    """
    title, _, rest = _file(f"{name}.html").partition("\n")
    body = (
        _file("frame.html")
        .replace("{name}", name)
        .replace("{title}", title)
        .replace("{style}", _STYLE)
        .replace("{content}", rest.strip())
        # Last, so that braces in it mean nothing.
        .replace("{message}", _paragraph(message))
    )
    return Page(body=body.encode(), security_policy=SECURITY_POLICY)


def _paragraph(message: str) -> str:
    shown = html.escape(safe_text(message, LONGEST_MESSAGE_CHARACTERS).strip())
    return f'<p class="message">{shown}</p>' if shown else ""


def success_page(message: str | None) -> Page:
    """The page after a sign-in.

    Args:
        message: the person's own sentence, shown as text, or None.
    """
    return _page("success", message) if message else SUCCESS


SUCCESS = _page("success")
REFUSAL = _page("refusal")
FAILURE = _page("failure")
STRAY = _page("stray")
MOVED = _page("moved")
"""The body of the redirect, which browsers do not show."""
