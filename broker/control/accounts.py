"""`brokerctl accounts`, `default` and `logout`."""

from datetime import UTC, datetime
from urllib.parse import quote

import click

from broker.control.broker import Broker, Json, text, texts
from broker.control.browser import open_browser
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    table,
    tell,
    tell_note,
    tells_errors,
    waiting,
)

_LOGOUT_SECONDS = 60

_LARGEST_LIST = 16 * 1024 * 1024
"""Bytes; ten thousand accounts take two million."""


@click.command()
@json_option
@tells_errors
def accounts(*, as_json: bool) -> None:
    """List the accounts, their state and what was granted."""
    answer = Broker().call("GET", "/v1/accounts", largest=_LARGEST_LIST)
    if as_json:
        say_json(answer)
        return
    listed = answer.get("accounts")
    rows = [_row(one) for one in listed] if isinstance(listed, list) else []
    if not rows:
        tell("no accounts yet: run `brokerctl login NAME`")
    table(list(rows))


def _row(account: Json) -> dict[str, str]:
    since = account.get("granted_at")
    moment = datetime.fromtimestamp(since if isinstance(since, float | int) else 0, UTC)
    return {
        "account": text(account, "account"),
        "default": "*" if account.get("default") else "-",
        "state": text(account, "state").replace("_", " "),
        "issuer": text(account, "issuer"),
        "kind": _kind(account),
        "who": _who(account),
        "since": moment.astimezone().strftime("%Y-%m-%d %H:%M"),
        "scopes": " ".join(texts(account, "scopes")) or "-",
    }


def _kind(account: Json) -> str:
    kind = text(account, "unattended").replace("_", " ") or "person"
    parent = text(account, "from")
    return f"{kind} of {parent}" if parent else kind


def _who(account: Json) -> str:
    """What the issuer calls whoever signed in: name, address, both, or neither."""
    name, email = text(account, "name"), text(account, "email")
    return f"{name} <{email}>" if name and email else name or email or "-"


@click.command(short_help="Show or choose the account that is meant by default.")
@click.argument("name", required=False)
@click.option("--none", is_flag=True, help="Choose none.")
@json_option
@tells_errors
def default(*, name: str | None, none: bool, as_json: bool) -> None:
    """Show or choose the account that is meant where none is named."""
    if name is not None and none:
        raise bad_usage("name an account or say --none, not both", "brokerctl default")
    if name is None and not none:
        answer: Json = {"default": Broker().call("GET", "/v1/accounts").get("default")}
    else:
        answer = Broker().call("PUT", "/v1/default", {"account": name})
    if as_json:
        say_json(answer)
    elif answer.get("default") is None:
        tell("no default account")
    else:
        say(text(answer, "default"))


@click.command(short_help="Sign out here, and have the issuer revoke the grant.")
@click.argument("name")
@click.option("--local-only", is_flag=True, help="Do not ask the issuer to revoke.")
@click.option(
    "--require-revoked",
    is_flag=True,
    help="Fail, and change nothing, where the issuer does not revoke it now.",
)
@click.option(
    "--keep-sign-in",
    is_flag=True,
    help="Keep issuer, client and scopes, so that `login NAME` alone works again.",
)
@click.option(
    "--browser-session",
    is_flag=True,
    help="Open the page that ends the session in the browser, too.",
)
@json_option
@tells_errors
def logout(*, name: str, browser_session: bool, as_json: bool, **flags: bool) -> None:
    """Sign out here, and have the issuer revoke the grant of NAME.

    Where the issuer cannot be reached it is asked again until it has: see
    `brokerctl pending`.
    """
    query = "&".join(f"{flag}=true" for flag, is_set in flags.items() if is_set)
    with waiting("asking the issuer to revoke the grant"):
        path = f"/v1/accounts/{quote(name, safe='')}"
        done = Broker().call(
            "DELETE", f"{path}?{query}" if query else path, timeout=_LOGOUT_SECONDS
        )
    if as_json:
        say_json(done)
    else:
        _tell_log_out(name, done)
    url = text(done, "end_session_url")
    if browser_session:
        _end_session(url)
    elif url and not as_json:
        tell_note(f"to end the session in the browser, too: {url}")


def _tell_log_out(name: str, done: Json) -> None:
    say(f"signed out: {name}" + (", revoked at the issuer" * bool(done.get("revoked"))))
    for left in texts(done, "left"):
        tell_note(left)


def _end_session(url: str) -> None:
    if not url:
        tell_note("the issuer names no page that ends the session in the browser")
    elif not open_browser(url, None):
        tell_note(f"no browser could be opened; to end the session there: {url}")
