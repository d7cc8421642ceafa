"""The static pages of the loopback site. Nothing in them comes from a request."""

import base64
import hashlib
import html
import re
from pathlib import Path

from broker.model.text import safe_text
from broker.model.veiled import Veiled

LONGEST_MESSAGE_CHARACTERS = 500

# Not by importlib.resources, which costs the daemon as much memory as all its services.
_FOLDER = Path(__file__).with_name("pages")


class Page(Veiled, frozen=True, kw_only=True):
    """One page, with the policy under which a browser may show it.

    Attributes:
        body: HTML in UTF-8.
        security_policy: the Content-Security-Policy: nothing but our own style.
        referrer_policy: what a browser tells of the page's address.
    """

    veiled = frozenset({"body"})

    body: bytes
    security_policy: str
    referrer_policy: str = "no-referrer"


def page_file(name: str) -> str:
    """A file of `pages/`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


STYLE = page_file("style.css")


def security_policy(style: str, form_action: str) -> str:
    """A page with this style, which may send a form to `form_action`, or to nobody."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src 'sha256-{digest}'",
            "base-uri 'none'",
            f"form-action {form_action}",
            "frame-ancestors 'none'",
        )
    )


def framed(
    *,
    name: str,
    title: str,
    content: str,
    message: str = "",
    style: str = STYLE,
    form_action: str = "'none'",
    referrer_policy: str = "no-referrer",
) -> Page:
    """A page in the frame that all share.

    Args:
        name: its kind, for the style.
        title: as HTML, as the rest.
        content: below the title.
        message: between both.
        style: all of it.
        form_action: where a form of it may be sent.
        referrer_policy: what a browser tells of its address.
    """
    parts = {
        "{name}": name,
        "{title}": title,
        "{style}": style,
        "{content}": content,
        "{message}": message,
    }
    # In one pass: braces in what is filled in mean nothing.
    places = "|".join(map(re.escape, parts))
    body = re.sub(places, lambda m: parts[m[0]], page_file("frame.html"))
    return Page(
        body=body.encode(),
        security_policy=security_policy(style, form_action),
        referrer_policy=referrer_policy,
    )


def _page(name: str, message: str = "") -> Page:
    """Read a page and put it into the frame that all share.

    Args:
        name: of the file in `pages/`, without '.html'.
        message: text of the person's own, not yet escaped.
    """
    title, _, rest = page_file(f"{name}.html").partition("\n")
    return framed(
        name=name, title=title, content=rest.strip(), message=_paragraph(message)
    )


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
