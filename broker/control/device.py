"""A device code on the terminal: what the person enters, where, and a QR code."""

import io
import os
import shutil
import sys

import click

from broker.control.broker import Json, text, texts
from broker.control.browser import is_safe_url
from broker.control.output import say, tell, tell_note
from brokerd_client import BrokerError

_BORDER = 2
"""Of the QR code, in modules; the standard wants 4, but cameras need less."""

_WARNING = (
    "enter only a code that you asked for yourself, never one that somebody sent you: "
    "it would sign him in as you. Show this one to nobody: whoever enters it first "
    "decides who is signed in here"
)


def show_device(prompt: Json) -> None:
    """Say where which code is to be entered (RFC 8628 section 3.3).

    Args:
        prompt: `device` of the daemon's answer.

    Raises:
        BrokerError: it holds what no terminal or browser should be given.
    """
    uri, code = text(prompt, "verification_uri"), text(prompt, "user_code")
    complete = text(prompt, "verification_uri_complete")
    if not (is_safe_url(uri) and is_safe_url(complete or uri) and _is_plain(code)):
        raise BrokerError(
            "issuer_invalid",
            "the address or the code is not one that you should be shown",
            "check the issuer and its metadata",
        )
    say(f"Open this page, here or on any other device:\n\n    {uri}\n")
    say(f"and enter the code:\n\n    {code}\n")
    scopes = " ".join(texts(prompt, "scopes")) or "what it gives by itself"
    say(
        f"It signs you in at {text(prompt, 'issuer')} for the client "
        f"{text(prompt, 'client_id')}, which asks for: {scopes}\n"
    )
    if sys.stdout.isatty():
        _show_qr(complete or uri, has_code=bool(complete))
    sys.stdout.flush()
    # RFC 8628 sections 5.4 and 5.5.
    tell(f"brokerctl: warning: {_WARNING}")


def tell_joined() -> None:
    """Another program has begun this login, and shows the same code."""
    tell_note("this sign-in is under way already; --again begins anew")


def _is_plain(code: str) -> bool:
    return code.isascii() and code.isprintable() and bool(code.strip())


def _show_qr(uri: str, *, has_code: bool) -> None:
    lines = qr_lines(uri)
    if not _fits(lines):
        return
    # Section 3.3.1: whoever scans compares the codes, so that he knows what he signs.
    said = "and see that it shows the same code" if has_code else "to open the page"
    say(f"or scan this {said}:\n")
    for line in lines:
        # Light on dark, whatever the terminal's own colours are: cameras expect it.
        is_plain = bool(os.environ.get("NO_COLOR"))
        say(line if is_plain else click.style(line, fg="bright_white", bg="black"))
    say("")


def _fits(lines: list[str]) -> bool:
    """Whether the terminal can show them: no old console, and none too narrow."""
    try:
        lines[0].encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return len(lines[0]) < shutil.get_terminal_size().columns


def qr_lines(uri: str) -> list[str]:
    """A QR code in half-block characters, light modules drawn."""
    import segno  # noqa: PLC0415 - most logins need none

    drawn = io.StringIO()
    # The least correction: a screen has no scratches, and the code stays small.
    code = segno.make_qr(uri, error="l", boost_error=False)
    code.terminal(drawn, border=_BORDER, compact=True)
    return drawn.getvalue().splitlines()
