"""`brokerctl consents`: which answers are remembered, and how to take them back."""

from datetime import UTC, datetime

import click

from broker.control.broker import Broker, Json, members, text, texts
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    table,
    tell,
    tell_note,
    tells_errors,
)
from broker.model.text import safe_text

ADMIN = "admin"
"""The socket of the person's own programs."""


@click.group(
    invoke_without_command=True,
    short_help="List and revoke what you have allowed programs.",
)
@json_option
@click.pass_context
def consents(context: click.Context, *, as_json: bool) -> None:
    """List and revoke what you have allowed programs: `list` where nothing is said."""
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=as_json)


@consents.command("list")
@json_option
@tells_errors
def list_(*, as_json: bool) -> None:
    """List the answers that are remembered."""
    answer = Broker().call("GET", "/v1/consents")
    if as_json:
        say_json(answer)
        return
    found = members(answer, "consents")
    if not found:
        tell("no answer is remembered")
    table([_row(one) for one in found])
    for one in members(answer, "silenced"):
        tell_note(
            f"{_silenced(one)} is not asked about until {_moment(one, 'until')}: "
            "questions had no answer (`brokerctl consents revoke --all` ends that)"
        )
    if answer.get("damaged"):
        tell_note("the answers in the store cannot be read, and do not count")


@consents.command()
@click.argument("consent_id", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every one of them.")
@json_option
@tells_errors
def revoke(*, consent_id: str | None, everything: bool, as_json: bool) -> None:
    """Forget an answer: the program is asked about again."""
    if (consent_id is None) is not everything:
        raise bad_usage("name one answer, or say --all", "brokerctl consents list")
    if consent_id is not None and not consent_id.isalnum():
        raise bad_usage("no answer has such an id", "brokerctl consents list")
    path = "/v1/consents" if consent_id is None else f"/v1/consents/{consent_id}"
    Broker().call("DELETE", path)
    if as_json:
        say_json({"revoked": consent_id or "all"})
    else:
        say(f"revoked: {consent_id or 'all'}")


def _row(consent: Json) -> dict[str, str]:
    session = text(consent, "session")
    return {
        "id": text(consent, "id"),
        "account": text(consent, "account"),
        "program": _program(consent),
        "answer": f"session ({session})" if session else "always",
        "until": _moment(consent, "until") if session else "-",
        "socket": text(consent, "socket"),
        "scopes": safe_text(" ".join(texts(consent, "scopes"))) or "-",
    }


def _program(of: Json) -> str:
    names = ("executable", "script", "unit", "flatpak", "snap")
    known = [text(of, name) for name in names]
    return safe_text(" ".join(filter(None, known))) or "an unknown program"


def _silenced(of: Json) -> str:
    """A program; on a restricted socket it is whoever is there."""
    socket = text(of, "socket")
    if socket == ADMIN:
        return _program(of)
    return f"whoever asks on socket {safe_text(socket)} as uid {text(of, 'uid')}"


def _moment(of: Json, member: str) -> str:
    at = of.get(member)
    moment = datetime.fromtimestamp(at if isinstance(at, float | int) else 0, UTC)
    return moment.astimezone().strftime("%H:%M:%S")
