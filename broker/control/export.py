"""`brokerctl export`: a sign-in in a file of its own, for leaving again."""

import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import click

from broker.control.asking import confirm
from broker.control.broker import Broker, Json, text
from broker.control.foreign.google_auth import GOOGLE_TOKEN_ENDPOINT
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell_note,
    tells_errors,
    yes_option,
)

_GOOGLE = "google-authorized-user"


@click.command(short_help="Write a sign-in, refresh token and all, in plaintext.")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([_GOOGLE, "json"]),
    default="json",
    show_default=True,
    help="What is to read it: google-auth, or you.",
)
@yes_option
@json_option
@tells_errors
def export(*, name: str, file: Path, form: str, yes: bool, as_json: bool) -> None:
    """Write the sign-in NAME, refresh token and client, to FILE, in plaintext.

    FILE must be new, and nobody else can read it. The account stays here: whoever uses
    the file and this broker side by side may lose the sign-in to both.
    """
    if str(file) == "-":
        raise bad_usage("an export is a file, and - is none", "name a new file")
    if os.path.lexists(file):
        raise bad_usage(f"{file} is there already", "name a file that is new")
    confirm(
        f"{file} will hold the refresh token of {name!r} in plaintext: whoever reads "
        "it has the sign-in until it is revoked. Go on?",
        yes=yes,
    )
    path = f"/v1/accounts/{quote(name, safe='')}/export"
    grant = Broker().call("POST", path, {"account": name})
    _write(file, _google(grant) if form == _GOOGLE else grant)
    if as_json:
        say_json({"account": name, "file": str(file), "format": form})
        return
    say(f"exported {name} to {file}")
    tell_note(
        "use it in one place: where the issuer renews the refresh token at each use, "
        f"`brokerctl logout {name} --local-only` forgets it here and revokes nothing"
    )


def _google(grant: Json) -> Json:
    """As `google.oauth2.credentials.Credentials.from_authorized_user_file` reads it.

    Raises:
        BrokerError: google-auth sends every such token to Google, whatever the file
            says, so one of another issuer would go to the wrong place.
    """
    if text(grant, "token_endpoint") != GOOGLE_TOKEN_ENDPOINT:
        raise bad_usage(
            f"{text(grant, 'account')} is not of Google but of {text(grant, 'issuer')}",
            "export it with --format json",
        )
    return {
        "type": "authorized_user",
        "client_id": grant.get("client_id"),
        "client_secret": grant.get("client_secret") or "",
        "refresh_token": grant.get("refresh_token"),
        "token_uri": GOOGLE_TOKEN_ENDPOINT,
        "scopes": grant.get("scopes"),
    }


def _write(file: Path, document: Json) -> None:
    """All of it under a new name with mode 0600, or nothing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # which follows no link
    try:
        number = os.open(file, flags, 0o600)
        try:
            with os.fdopen(number, "w") as opened:
                json.dump(document, opened, indent=2)
                opened.write("\n")
                opened.flush()
                os.fsync(opened.fileno())
        except OSError:
            with suppress(OSError):
                file.unlink()
            raise
    except OSError as exc:
        reason = (exc.strerror or "unknown").lower()
        raise bad_usage(f"{file}: {reason}", "name a new file in a folder") from exc
