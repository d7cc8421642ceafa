"""`brokerctl pending`: what waits for the person."""

from datetime import UTC, datetime

import click

from broker.control.broker import Broker, Json, members, text
from broker.control.output import json_option, say_json, table, tell, tells_errors
from brokerd_client import BrokerError

_NEEDY = frozenset({"dead", "reauthenticate"})
_LARGEST_LIST = 16 * 1024 * 1024


@click.command()
@json_option
@tells_errors
def pending(*, as_json: bool) -> None:
    """List the sign-ins under way, and the accounts that need one."""
    broker = Broker()
    logins = members(broker.call("GET", "/v1/logins"), "logins")
    under_way = {text(login, "account") for login in logins}
    needed: list[Json] = [
        {"account": text(one, "account"), "reason": text(one, "ended_because")}
        for one in _accounts(broker)
        if text(one, "state") in _NEEDY and text(one, "account") not in under_way
    ]
    if as_json:
        say_json({"logins": logins, "needed": needed})
        return
    if not logins and not needed:
        tell("nothing waits for you")
    table([*map(_login_row, logins), *map(_needed_row, needed)])


def _accounts(broker: Broker) -> list[Json]:
    """All of them; none while the store is locked, since nobody knows them then."""
    try:
        answer = broker.call("GET", "/v1/accounts", largest=_LARGEST_LIST)
    except BrokerError as exc:
        if exc.code != "locked":
            raise
        tell("brokerctl: note: the store is locked: accounts cannot be looked at")
        return []
    return members(answer, "accounts")


def _login_row(login: Json) -> dict[str, str]:
    end = login.get("expires_at")
    moment = datetime.fromtimestamp(end if isinstance(end, float | int) else 0, UTC)
    return {
        "account": text(login, "account"),
        "what": f"sign-in under way ({text(login, 'way')})",
        "until": moment.astimezone().strftime("%H:%M:%S"),
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
