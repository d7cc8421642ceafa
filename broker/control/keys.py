"""`brokerctl key`: the ways to open the store."""

import click

from broker.control.asking import ask_passphrase, confirm
from broker.control.broker import Broker, Json, members, require_open, text, texts
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
    yes_option,
)
from broker.control.store import OPEN_SECONDS
from broker.store.keys.names import DESCRIPTIONS, PASSPHRASE, key_sources

ROTATE_SECONDS = 120
"""Every record is sealed anew; a keyring may ask before that."""

_NUMBER = click.IntRange(min=1)


@click.group()
def key() -> None:
    """List, add, remove and renew the ways to open the store."""


@key.command("list")
@json_option
@tells_errors
def list_slots(*, as_json: bool) -> None:
    """List the key slots; any one of them opens the store."""
    slots = members(Broker().call("GET", "/v1/status"), "slots")
    if as_json:
        say_json({"slots": slots})
        return
    if not slots:
        tell("no store that can be read: `brokerctl status` says more")
    table([_row(slot) for slot in slots])


def _row(slot: Json) -> dict[str, str]:
    source = text(slot, "source")
    return {
        "slot": text(slot, "slot"),
        "source": source,
        "in use": "*" if slot.get("in_use") else "-",
        "what": DESCRIPTIONS.get(source, "unknown to this brokerctl"),
    }


@key.command()
@click.argument("source", type=click.Choice(key_sources()))
@json_option
@tells_errors
def add(*, source: str, as_json: bool) -> None:
    """Add a way to open the store, such as a recovery passphrase.

    A new passphrase is asked for twice at a terminal, else it is the first line of
    standard input.
    """
    broker = Broker()
    require_open(broker)
    body: Json = {"key": source}
    if source == PASSPHRASE:
        body["passphrase"] = ask_passphrase("New passphrase", is_new=True)
    with waiting("adding a key slot"):
        slot = broker.call("POST", "/v1/slots", body, timeout=OPEN_SECONDS)
    if as_json:
        say_json(slot)
    else:
        say(f"added key slot {text(slot, 'slot')}: {text(slot, 'source')}")


@key.command()
@click.argument("slot", type=_NUMBER)
@yes_option
@json_option
@tells_errors
def remove(*, slot: int, yes: bool, as_json: bool) -> None:
    """Take a way to open the store away; never the only one."""
    broker = Broker()
    named = [_named(one) for one in members(require_open(broker), "slots")]
    confirm(f"Remove key slot {slot} of: {', '.join(named)}?", yes=yes)
    answer = broker.call("DELETE", f"/v1/slots/{slot}", timeout=OPEN_SECONDS)
    if as_json:
        say_json(answer)
        return
    say(f"removed key slot {slot}")
    _tell_left(answer)
    tell_note(
        "an older copy of the store can still be opened with it, and what that copy "
        "holds would open this one: `brokerctl key rotate --data` ends that"
    )


@key.command(short_help="Renew the key of one slot, or the data key.")
@click.argument("slot", type=_NUMBER, required=False)
@click.option(
    "--data",
    "of_data",
    is_flag=True,
    help="Seal every record anew, under a new data key, in place of one slot's key.",
)
@json_option
@tells_errors
def rotate(*, slot: int | None, of_data: bool, as_json: bool) -> None:
    """Renew the key of SLOT, or with --data the key that all slots lead to.

    A passphrase slot gets a new passphrase. With --data the passphrase of every
    passphrase slot is asked for, in the order of their numbers; in a pipe, one a line.
    """
    if of_data and slot is not None:
        raise bad_usage(
            "a slot and --data are two different keys", "name a slot, or say --data"
        )
    broker = Broker()
    slots = members(require_open(broker), "slots")
    answer = _rotate_data(broker, slots) if of_data else _rotate(broker, slots, slot)
    if as_json:
        say_json(answer)
    elif of_data:
        say("every record is sealed under a new data key")
        _tell_forgotten(slots)
    else:
        say(f"key slot {text(answer, 'slot')} has a new key")
        _tell_left(answer)


def _rotate(broker: Broker, slots: list[Json], number: int | None) -> Json:
    if number is None and len(slots) != 1:
        raise bad_usage(
            "it is not clear which key slot is meant",
            f"name one of: {', '.join(_named(one) for one in slots)}",
        )
    named = {text(one, "slot"): text(one, "source") for one in slots}
    chosen = next(iter(named)) if number is None else str(number)
    body: Json = {}
    if named.get(chosen) == PASSPHRASE:
        body["passphrase"] = ask_passphrase("New passphrase", is_new=True)
    with waiting("renewing the key"):
        path = f"/v1/slots/{chosen}/rotate"
        return broker.call("POST", path, body, timeout=OPEN_SECONDS)


def _rotate_data(broker: Broker, slots: list[Json]) -> Json:
    typed = [
        ask_passphrase(f"Passphrase of key slot {text(one, 'slot')}", is_new=False)
        for one in slots
        if text(one, "source") == PASSPHRASE
    ]
    with waiting("sealing every record anew"):
        return broker.call(
            "POST",
            "/v1/data-key/rotate",
            {"passphrases": typed},
            timeout=ROTATE_SECONDS,
        )


def _tell_left(answer: Json) -> None:
    for left in texts(answer, "left"):
        tell_note(left)


def _tell_forgotten(slots: list[Json]) -> None:
    if any(text(one, "source") == PASSPHRASE for one in slots):
        tell_note(
            "what `brokerctl unlock --remember` kept is forgotten: the next daemon "
            "asks for the passphrase"
        )


def _named(slot: Json) -> str:
    return f"{text(slot, 'slot')} ({text(slot, 'source')})"
