"""`brokerctl issuers`: who is known by name, and what to register there."""

import click

from broker.control.broker import Broker, Json, members, text, texts
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    table,
    tell_note,
    tells_errors,
)

_OWN = {
    "config": "your own, from config.toml",
    "config-instead": "your own, from config.toml, in the place of brokerd's",
}


@click.command(short_help="List the issuers that have a name, or tell of one.")
@click.argument("name", required=False)
@json_option
@tells_errors
def issuers(*, name: str | None, as_json: bool) -> None:
    """List the issuers that --issuer knows by name, or all that is known of NAME.

    Every other issuer is given by its URL. Where a URL has {…} in it, give that of
    yours: it is recognized.
    """
    known = _known(Broker().call("GET", "/v1/issuers"), name)
    if as_json:
        say_json({"issuers": known})
    elif name is None:
        table([_row(issuer) for issuer in known])
        for issuer in known:
            if own := _OWN.get(text(issuer, "origin")):
                tell_note(f"{text(issuer, 'name')} is {own}")
    else:
        for line in _lines(known[0]):
            say(line)


def _known(answer: Json, name: str | None) -> list[Json]:
    known = members(answer, "issuers")
    if name is None:
        return known
    found = [one for one in known if one.get("name") == name]
    if not found:
        raise bad_usage(
            f"no issuer is known by the name {name!r}",
            "`brokerctl issuers` lists them; any other is given by its URL",
        )
    return found


def _row(issuer: Json) -> dict[str, str]:
    return {
        "name": text(issuer, "name"),
        "issuer": text(issuer, "issuer"),
        "ways": " ".join(texts(issuer, "ways")) or "-",
        "redirect uri": _redirect_uri(issuer),
        "note": _optional(issuer, "note") or "-",
    }


def _lines(issuer: Json) -> list[str]:
    refused = issuer.get("refused_ways")
    lines = [
        f"name: {text(issuer, 'name')}",
        f"issuer: {text(issuer, 'issuer')}",
        f"ways: {' '.join(texts(issuer, 'ways')) or '-'}",
        f"redirect URI to register: {_redirect_uri(issuer)}",
        f"scopes, where you name none: {' '.join(texts(issuer, 'default_scopes'))}",
        f"known from: {_OWN.get(text(issuer, 'origin'), 'brokerd')}",
    ]
    if isinstance(refused, dict):
        lines += [f"not by {way}: {why}" for way, why in refused.items()]
    note = _optional(issuer, "note")
    return lines if note is None else [*lines, f"note: {note}"]


def _redirect_uri(issuer: Json) -> str:
    return _optional(issuer, "redirect_uri") or "-"


def _optional(issuer: Json, name: str) -> str | None:
    value = issuer.get(name)
    return value if isinstance(value, str) else None
