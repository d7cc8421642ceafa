"""What a person typed of a restricted socket, as the body of a request."""

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import click

from broker.config import parse_span
from broker.control.broker import Json
from broker.control.output import bad_usage
from broker.model.restriction import FOR_RESTRICTED, Confirm


class SocketWords(TypedDict):
    """The options of `brokerctl socket add`, as click hands them over."""

    account: tuple[str, ...]
    scope: tuple[str, ...]
    resource: str | None
    max_ttl: str | None
    operations: str | None
    rate: str | None
    expires: str | None
    uses: int | None
    confirm: str | None
    mode: str | None
    group: str | None
    path: Path | None


Option = Callable[[Callable[..., None]], Callable[..., None]]
"""A decorator of click's."""

_OPTIONS: tuple[Option, ...] = (
    click.option(
        "--account",
        multiple=True,
        metavar="NAME",
        help="Whose tokens; may be repeated. All else of yours does not exist there.",
    ),
    click.option(
        "--scope",
        multiple=True,
        metavar="SCOPE",
        help="The most that a token may have; may be repeated.  [default: all]",
    ),
    click.option(
        "--resource", metavar="URI", help="The only API that tokens are for (RFC 8707)."
    ),
    click.option(
        "--max-ttl",
        metavar="SPAN",
        help="Programs are told of no later end, such as 10m; the token lives on.",
    ),
    click.option(
        "--operations",
        metavar="LIST",
        help="Some of token,id-token,dpop-proof,login.  [default: token]",
    ),
    click.option("--rate", metavar="N/SPAN", help="Tokens at most, such as 60/min."),
    click.option(
        "--expires", metavar="SPAN", help="When it ends by itself, such as 8h."
    ),
    click.option(
        "--uses", type=click.IntRange(1), metavar="N", help="Tokens in all its life."
    ),
    click.option(
        "--confirm",
        type=click.Choice([each.value for each in Confirm]),
        help="When you are asked.  [default: never]",
    ),
    click.option(
        "--mode",
        type=click.Choice(["0600"]),
        help="0600: programs of yours alone, which is the default.",
    ),
    click.option(
        "--group", metavar="GROUP", help="Its members may connect, too; needs --path."
    ),
    click.option(
        "--path",
        type=click.Path(path_type=Path),
        help="Where the socket is to be, if not in the runtime folder.",
    ),
)


def socket_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a restricted socket is for."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_described(words: SocketWords) -> bool:
    """Whether any of those options was used."""
    return any(value not in (None, ()) for value in words.values())


def socket_body(name: str, words: SocketWords) -> Json:
    """The request that makes it, with nothing in it that was not said.

    Raises:
        BrokerError: a value is none, or two contradict each other.
    """
    if not words["account"]:
        raise bad_usage(
            "a restricted socket is for some accounts: name one",
            f"brokerctl socket add {name} --account NAME",
        )
    if words["mode"] is not None and words["group"] is not None:
        raise bad_usage(
            "a group's socket has the mode 0660", "give --mode or --group, not both"
        )
    body: Json = {
        "name": name,
        "accounts": list(words["account"]),
        "scopes": [one for many in words["scope"] for one in many.split()] or None,
        "resource": words["resource"],
        "max_ttl": _span("--max-ttl", words["max_ttl"]),
        "operations": _operations(words["operations"]),
        "rate": _rate(words["rate"]),
        "expires_in": _span("--expires", words["expires"]),
        "uses": words["uses"],
        "confirm": words["confirm"],
        "group": words["group"],
        "path": _absolute(words["path"]),
    }
    return {name: value for name, value in body.items() if value is not None}


def _span(option: str, value: str | None) -> float | None:
    try:
        return None if value is None else parse_span(value)
    except ValueError:
        raise bad_usage(
            f"{option} takes a time such as 90s, 10m or 8h", f"{option} 10m"
        ) from None


_UNITS = {"s": "1s", "sec": "1s", "m": "1m", "min": "1m", "h": "1h", "d": "1d"}


def _rate(value: str | None) -> Json | None:
    if value is None:
        return None
    most, _, span = value.partition("/")
    try:
        seconds = parse_span(_UNITS.get(span, span))
    except ValueError:
        seconds = None
    if seconds is None or not (most.isascii() and most.isdecimal() and int(most)):
        raise bad_usage("--rate takes a number and a time", "--rate 60/min") from None
    return {"most": int(most), "seconds": seconds}


def _operations(value: str | None) -> list[str] | None:
    if value is None:
        return None
    named = [one.strip() for one in value.split(",")]
    known = sorted(each.value for each in FOR_RESTRICTED)
    if not set(named) <= set(known):
        raise bad_usage(
            f"--operations takes some of {', '.join(known)}",
            "--operations token,login",
        )
    return named


def _absolute(path: Path | None) -> str | None:
    # The daemon has another working folder, and no home to speak of.
    return None if path is None else str(path.expanduser().absolute())
