"""`brokerctl init`, `lock` and `unlock`: the store is made, closed and opened."""

import click

from broker.config import parse_span
from broker.control.asking import ask_passphrase, confirm
from broker.control.broker import Broker, Json, members, text, told
from broker.control.key_choice import chosen_key, key_option
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell_note,
    tells_errors,
    waiting,
    yes_option,
)
from broker.model.errors import NoAccountsError, StoreExistsError
from broker.store.keys.names import PASSPHRASE
from brokerd_client import BrokerError

OPEN_SECONDS = 60
"""A keyring gives the person half a minute, and a passphrase is a second's work."""


@click.command()
@key_option
@click.option(
    "--set-aside",
    is_flag=True,
    help="Rename a store that is there and not open; nothing is deleted.",
)
@yes_option
@json_option
@tells_errors
def init(*, key: str | None, set_aside: bool, yes: bool, as_json: bool) -> None:
    """Make the store. Without this, the first login makes one."""
    broker = Broker()
    state = text(broker.call("GET", "/v1/status"), "store")
    if state == "open" or (state != "none" and not set_aside):
        raise told(StoreExistsError())
    if state != "none":
        confirm(
            "The store that is there is renamed, and the new one is empty: you sign in "
            "again everywhere. Go on?",
            yes=yes,
        )
    source, passphrase = chosen_key(broker, key)
    asked: Json = {"key": source, "passphrase": passphrase, "set_aside": set_aside}
    body = {name: value for name, value in asked.items() if value}
    with waiting("making the store"):
        answer = broker.call("POST", "/v1/store", body, timeout=OPEN_SECONDS)
    if as_json:
        say_json(answer)
        return
    say(f"made a store (key source: {text(answer, 'key_source')})")
    tell_set_aside(answer)


def tell_set_aside(answer: Json) -> None:
    """Where an older store is now, if there was one."""
    if aside := text(answer, "set_aside"):
        tell_note(f"the store that was there is called {aside} now")


@click.command(short_help="Drop keys, grants and tokens from memory.")
@json_option
@tells_errors
def lock(*, as_json: bool) -> None:
    """Drop keys, grants and tokens from memory, until `brokerctl unlock`."""
    answer = Broker().call("POST", "/v1/lock", {}, timeout=OPEN_SECONDS)
    if as_json:
        say_json(answer)
        return
    say("the store is locked")
    by_itself = [name for name in slot_sources(answer) if name != PASSPHRASE]
    if by_itself:
        tell_note(
            f"the next daemon opens it by itself where it has the key "
            f"({', '.join(by_itself)})"
        )


remember_option = click.option(
    "--remember",
    metavar="SPAN",
    help="Let the kernel keep the key for so long, such as 90m or 8h, so that the next "
    "daemon opens the store without a question (Linux).",
)


@click.command(short_help="Open the store.")
@remember_option
@json_option
@tells_errors
def unlock(*, remember: str | None, as_json: bool) -> None:
    """Open the store: with a key that can be had again, or its passphrase."""
    seconds = remembered_seconds(remember)
    broker = Broker()
    before = broker.call("GET", "/v1/status")
    if text(before, "store") == "none":
        raise told(NoAccountsError())
    body: Json = {} if seconds is None else {"remember": seconds}
    try:
        answer = _opened(broker, before, body)
    except BrokerError as exc:
        if exc.code == "key_source_unavailable":
            raise _not_remembered(exc) from exc
        raise
    if as_json:
        say_json(answer)
    elif text(before, "store") == "open":
        say("the store was open already")
    else:
        say("the store is open")


def slot_sources(status: Json) -> list[str]:
    """The key sources of the store, each once."""
    named = [text(slot, "source") for slot in members(status, "slots")]
    return list(dict.fromkeys(named))


def remembered_seconds(span: str | None) -> int | None:
    """What --remember says, in seconds.

    Raises:
        BrokerError: it is no time.
    """
    if span is None:
        return None
    try:
        return int(parse_span(span))
    except ValueError:
        raise bad_usage(
            "--remember takes a time", "such as 90m or 8h, and 7d at most"
        ) from None


def _opened(broker: Broker, before: Json, body: Json) -> Json:
    """The status after it; a passphrase is asked for only where nothing else opens."""
    sources = slot_sources(before)
    has_passphrase = text(before, "store") == "locked" and PASSPHRASE in sources
    if not has_passphrase or sources != [PASSPHRASE]:
        try:
            return _asked(broker, body)
        except BrokerError as exc:
            if exc.code != "locked" or not has_passphrase:
                raise
            tell_note(exc.detail)
    return _asked(broker, {**body, "passphrase": ask_passphrase(is_new=False)})


def _asked(broker: Broker, body: Json) -> Json:
    with waiting("opening the store"):
        return broker.call("POST", "/v1/unlock", body, timeout=OPEN_SECONDS)


def _not_remembered(error: BrokerError) -> BrokerError:
    """The daemon opens first and remembers then: this one thing did not come off."""
    return BrokerError(
        error.code,
        f"the store is open, but not remembered: {error.facts.get('reason')}",
        "the next daemon asks again",
        facts=error.facts,
    )
