"""Where the key of a new store is to be: named, chosen from a list, or the best."""

import click

from broker.control.asking import ask_passphrase, ask_which, is_at_terminal
from broker.control.broker import Broker, Json, members, text
from broker.control.output import tell
from broker.store.keys.names import DESCRIPTIONS, PASSPHRASE, key_sources

SOURCES_SECONDS = 60
"""Each keyring of the system is asked whether it answers."""

key_option = click.option(
    "--key",
    type=click.Choice(key_sources()),
    help="Where the key is: in a file (plain), in your head (passphrase), or with "
    "another keeper that this system can have. Without it a terminal asks, and a "
    "pipe takes the best that works here.",
)


def chosen_key(broker: Broker, key: str | None) -> tuple[str | None, str | None]:
    """The name of the source, None for the best, and its new passphrase if it has one.

    Args:
        broker: is asked what works here.
        key: what --key said.
    """
    if key is None and is_at_terminal():
        key = _asked(broker)
    if key != PASSPHRASE:
        return key, None
    return key, ask_passphrase("Passphrase of the new store", is_new=True)


def _asked(broker: Broker) -> str:
    answer = broker.call("GET", "/v1/key-sources", timeout=SOURCES_SECONDS)
    found = members(answer, "sources")
    tell("Where is the key of the store to be kept?")
    working = [number for number, one in enumerate(found) if one.get("works")]
    chosen = ask_which("Which", [_line(one) for one in found], next(iter(working), 0))
    return text(found[chosen], "source")


def _line(source: Json) -> str:
    name = text(source, "source")
    line = f"{name}: {DESCRIPTIONS.get(name, 'unknown to this brokerctl')}"
    if not source.get("works"):
        line += f" (not now: {text(source, 'reason')})"
    return line
