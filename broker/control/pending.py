"""`brokerctl pending`: what waits for the person, or for an issuer."""

from datetime import UTC, datetime

import click

from broker.control.broker import Broker, Json, members, text
from broker.control.output import json_option, say_json, table, tell, tells_errors
from brokerd_client import BrokerError

_NEEDY = frozenset({"dead", "reauthenticate"})
_LARGEST_LIST = 16 * 1024 * 1024


@click.command(short_help="List what waits for you: sign-ins and log-outs.")
@json_option
@tells_errors
def pending(*, as_json: bool) -> None:
    """List sign-ins under way, accounts that need one, and log-outs left to finish."""
    broker = Broker()
    logins = members(broker.call("GET", "/v1/logins"), "logins")
    under_way = {text(login, "account") for login in logins}
    accounts = _accounts(broker)
    leaving = members(accounts, "leaving")
    needed: list[Json] = [
        {"account": text(one, "account"), "reason": text(one, "ended_because")}
        for one in members(accounts, "accounts")
        if text(one, "state") in _NEEDY and text(one, "account") not in under_way
    ]
    if as_json:
        say_json({"logins": logins, "needed": needed, "leaving": leaving})
        return
    if not logins and not needed and not leaving:
        tell("nothing waits for you")
    rows = [*map(_login_row, logins), *map(_needed_row, needed)]
    table([*rows, *map(_leaving_row, leaving)])


def _accounts(broker: Broker) -> Json:
    """All of them; none while the store is locked, since nobody knows them then."""
    try:
        return broker.call("GET", "/v1/accounts", largest=_LARGEST_LIST)
    except BrokerError as exc:
        if exc.code != "locked":
            raise
        tell("brokerctl: note: the store is locked: accounts cannot be looked at")
        return {}


def _login_row(login: Json) -> dict[str, str]:
    return {
        "account": text(login, "account"),
        "what": f"sign-in under way ({text(login, 'way')})",
        "until": _moment(login, "expires_at"),
        "next": _next(login),
    }


def _next(login: Json) -> str:
    device = login.get("device")
    if not isinstance(device, dict):
        return text(login, "authorization_url")
    return f"{text(device, 'user_code')} at {text(device, 'verification_uri')}"


def _needed_row(needed: Json) -> dict[str, str]:
    name = text(needed, "account")
    return {
        "account": name,
        "what": text(needed, "reason") or "sign-in needed",
        "until": "-",
        "next": f"brokerctl login {name}",
    }


def _leaving_row(leaving: Json) -> dict[str, str]:
    issuer, reason = text(leaving, "issuer"), text(leaving, "reason")
    return {
        "account": text(leaving, "account"),
        "what": f"signed out, not yet revoked at {issuer}"
        + (f" ({reason})" if reason else ""),
        "until": _moment(leaving, "next_try"),
        "next": "nothing: it is asked again then",
    }


def _moment(of: Json, member: str) -> str:
    at = of.get(member)
    moment = datetime.fromtimestamp(at if isinstance(at, float | int) else 0, UTC)
    return moment.astimezone().strftime("%H:%M:%S")
