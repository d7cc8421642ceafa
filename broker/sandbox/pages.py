"""The pages that the sandbox shows a person. No script, nothing from elsewhere."""

import base64
import hashlib
from html import escape
from urllib.parse import parse_qs

import msgspec

from broker.model.text import safe_text

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --warn: #b45309; --go: #1d4ed8; }
@media (prefers-color-scheme: dark) { :root { --warn: #fbbf24; --go: #93c5fd; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; padding: 2rem 1rem; }
main { max-width: 34rem; margin: auto; }
.banner { border: 2px solid var(--warn); border-radius: .5rem; padding: .5rem 1rem; }
.banner strong { color: var(--warn); }
h1 { font-size: 1.4rem; }
fieldset { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; }
label { display: flex; gap: .75rem; padding: .4rem 0; overflow-wrap: anywhere; }
small { display: block; opacity: .75; }
code { overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.5rem; border-radius: .5rem; cursor: pointer;
  border: 1px solid var(--go); background: none; color: inherit; }
button.allow { color: var(--go); font-weight: 600; border-width: 2px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_SCOPE_MEANINGS = {
    "openid": "Know who you are here",
    "email": "See your (invented) e-mail address",
    "profile": "See your (invented) name",
    "offline_access": "Keep access while you are away",
    "https://www.googleapis.com/auth/drive.metadata.readonly": (
        "See names and times of the invented files"
    ),
    "https://www.googleapis.com/auth/drive.readonly": "See the invented files",
    "https://www.googleapis.com/auth/drive.file": "See invented files it has made",
    "https://www.googleapis.com/auth/drive": "See and change the invented files",
}


class ConsentQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the consent page asks.

    Attributes:
        consent_id: good for one answer.
        client_name: the sandbox's own name for the client.
        login_hint: whom the program expects; a stranger's text, or None.
    """

    consent_id: str
    client_name: str
    client_id: str
    person: str
    scopes: tuple[str, ...]
    redirect_uri: str
    login_hint: str | None = None


def security_headers(form_action: str = "'none'") -> dict[str, str]:
    """Headers of every page: not framed, not stored, no script, forms only where said.

    Args:
        form_action: source expressions, such as "'self' http://127.0.0.1:43211".
    """
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
            f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        # Not `no-referrer`: with it browsers send `Origin: null` with our own form.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def consent_page(question: ConsentQuestion) -> str:
    """Who wants what, each scope to be unticked, Allow and Deny."""
    hint = ""
    if question.login_hint is not None:
        shown = escape(safe_text(question.login_hint))
        hint = f"<p>The program expects <b>{shown}</b>; here is only one person.</p>"
    return _page(
        "Sign in to the sandbox",
        f"""<h1>{escape(question.client_name)} asks for access</h1>
<p>Client <code>{escape(question.client_id)}</code>. You are signed in as
<b>{escape(question.person)}</b>.</p>{hint}
{_consent_form(question, "/consent")}
<p><small>The answer goes to
<code>{escape(question.redirect_uri)}</code></small></p>""",
    )


def code_page(code: str, said: str = "") -> str:
    """Where the code of a device is entered.

    Args:
        code: what stands in the field already; a stranger's text.
        said: why it is asked again.
    """
    shown = escape(safe_text(code))
    why = f"<p><b>{escape(said)}</b></p>" if said else ""
    return _page(
        "Sign a device in to the sandbox",
        f"""<h1>Enter the code that your device shows</h1>{why}
<form method="post" action="/device">
<label><input name="user_code" value="{shown}" autocomplete="off" autofocus></label>
<button class="allow">Go on</button>
</form>
<p><small>Only a code that you asked for yourself: one that somebody sent you would sign
him in as you.</small></p>""",
    )


def device_page(question: ConsentQuestion, user_code: str) -> str:
    """Who wants what, and under which code, to be compared (RFC 8628 section 3.3.1)."""
    return _page(
        "Sign a device in to the sandbox",
        f"""<h1>{escape(question.client_name)} asks for access on a device</h1>
<p>Does the device show <code>{escape(user_code)}</code>? If not, or if somebody
sent you here, choose Deny.</p>
{_consent_form(question, "/device/consent")}""",
    )


def decided_page(*, is_allowed: bool) -> str:
    """What the person has decided for a device."""
    said = "signed in: look at it" if is_allowed else "not signed in"
    return _page(
        "Sign a device in to the sandbox",
        f"<h1>The device is {said}</h1><p>This page can be closed.</p>",
    )


def error_page(sentence: str) -> str:
    """A refusal that must not be redirected, because nobody trusted asked."""
    return _page(
        "The sandbox cannot do this",
        f"<h1>This sign-in cannot go on</h1><p>{escape(safe_text(sentence))}.</p>"
        "<p>Start it again from the program that sent you here.</p>",
    )


def shown_page(query: str, *, is_copied: bool) -> str:
    """An authorization response that is shown: its title holds all of it.

    Args:
        query: with a code, or with an error.
        is_copied: whether the person is to copy the code; else a program reads the
            title, and the page says no more than that.
    """
    codes = parse_qs(query).get("code")
    if codes is None:
        said = "<h1>You have said no</h1><p>You may close this window.</p>"
        return _page(f"Denied {query}", said)
    said = "<h1>You have signed in</h1><p>Close this window.</p>"
    if is_copied:
        said = f"""<h1>Copy this code</h1>
<p>Paste it where the program waits, and nowhere else: whoever has it can sign in as
you.</p>
<p><code>{escape(codes[0])}</code></p>"""
    return _page(f"Success {query}", said)


def start_page(issuer: str, client_secrets: str) -> str:
    """What this server is, for somebody who opens its address."""
    return _page(
        "brokerd sandbox",
        f"""<h1>An authorization server to try with</h1>
<p>Issuer <code>{escape(issuer)}</code></p>
<p>Client secrets <code>{escape(client_secrets)}</code></p>
<p>Metadata <code>{escape(issuer)}/.well-known/oauth-authorization-server</code></p>""",
    )


def _consent_form(question: ConsentQuestion, action: str) -> str:
    scopes = "".join(_scope_line(scope) for scope in question.scopes)
    return f"""<form method="post" action="{action}">
<input type="hidden" name="consent" value="{escape(question.consent_id)}">
<fieldset><legend>It wants to</legend>{scopes}</fieldset>
<button class="allow" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>"""


def _scope_line(scope: str) -> str:
    meaning = _SCOPE_MEANINGS.get(scope, "A scope that the sandbox has no words for")
    return (
        f'<label><input type="checkbox" name="scope" value="{escape(scope)}" checked>'
        f"<span>{escape(meaning)}<small>{escape(scope)}</small></span></label>"
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head>
<body><main>
<p class="banner"><strong>This is a sandbox.</strong> It runs on this computer only,
and the person and the files in it are invented. Nothing real can be reached.</p>
{body}
</main></body></html>
"""
