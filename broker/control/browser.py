"""Opens the person's browser with one checked URL. Never the daemon's business."""

import os
import re
import sys
import webbrowser

_SAFE_URL = re.compile(
    # No '@' before the path: it would make a name of what looks like the host.
    r"(?:https://[A-Za-z0-9._~:\[\]-]+|http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d+)?)"
    r"(?:[/?][A-Za-z0-9._~:/?#\[\]@!$'()*+,;=%&-]*)?"
)
_LONGEST_URL = 32_768


def is_safe_url(url: str) -> bool:
    """Whether a browser may be started with `url` as its argument.

    It begins with https:// (http:// for a loopback host), so that it can be no
    option, file or script; has no space, quote or control character; and not the
    words that Python's webbrowser replaces inside an argument (CVE-2026-4786).
    """
    return (
        len(url) <= _LONGEST_URL
        and _SAFE_URL.fullmatch(url) is not None
        and "%action" not in url
    )


def open_browser(url: str, browser: str | None) -> bool:
    """Show `url` in the person's browser; False where that is not possible.

    Args:
        url: checked here once more.
        browser: a name or a command as Python's webbrowser takes it, or None.
    """
    if not is_safe_url(url) or not (browser or _has_display()):
        return False
    try:
        return webbrowser.get(browser).open(url, new=1, autoraise=True)
    except (webbrowser.Error, ValueError):  # ValueError: an unclosed quotation mark
        return False


def can_open() -> bool:
    """Whether a browser can be opened here at all."""
    return _has_display()


def _has_display() -> bool:
    """Without one, webbrowser would start a text browser over this terminal."""
    if sys.platform != "linux":
        return True
    named = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return any(os.environ.get(name) for name in named)
