"""`brokerctl accounts`, `default` and `logout`."""

from datetime import UTC, datetime
from urllib.parse import quote

import click

from broker.control.broker import Broker, Json, text, texts
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
        "since": moment.astimezone().strftime("%Y-%m-%d %H:%M"),
        "scopes": " ".join(texts(account, "scopes")) or "-",
    }


@click.command()
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


@click.command()
@click.argument("name")
@click.option("--local-only", is_flag=True, help="Do not ask the issuer to revoke.")
@click.option(
    "--keep-sign-in",
    is_flag=True,
    help="Keep issuer, client and scopes, so that `login NAME` alone works again.",
)
@json_option
@tells_errors
def logout(*, name: str, local_only: bool, keep_sign_in: bool, as_json: bool) -> None:
    """Revoke the grant of NAME at its issuer, then forget it."""
    flags = {"local_only": local_only, "keep_sign_in": keep_sign_in}
    query = "&".join(f"{flag}=true" for flag, is_set in flags.items() if is_set)
    with waiting("asking the issuer to revoke the grant"):
        path = f"/v1/accounts/{quote(name, safe='')}"
        done = Broker().call(
            "DELETE", f"{path}?{query}" if query else path, timeout=_LOGOUT_SECONDS
        )
    if as_json:
        say_json(done)
        return
    say(f"signed out: {name}" + (", revoked at the issuer" * bool(done.get("revoked"))))
    for left in texts(done, "left"):
        tell_note(left)
