"""How brokerctl speaks: results on stdout, everything else on stderr.

Text of issuers is made safe by the daemon; URLs are shown as they were checked.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from brokerd_client import BrokerError
from brokerd_client.exit_codes import INTERRUPTED, exit_code

_P = ParamSpec("_P")
_R = TypeVar("_R")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Answer in JSON, errors too."
)

yes_option = click.option("--yes", is_flag=True, help="Ask nothing before it is done.")


def say(text: str) -> None:
    """A result, on stdout."""
    click.echo(text)


def say_json(value: object) -> None:
    """A result as one line of JSON, on stdout."""
    click.echo(json.dumps(value))


def tell(text: str) -> None:
    """Whatever is not the result, on stderr."""
    click.echo(text, err=True)


def tell_note(text: str) -> None:
    """What the person should know besides."""
    click.echo(f"brokerctl: note: {text}", err=True)


def tells_errors(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """A command whose errors end it in the words, or the JSON, of brokerctl."""

    @wraps(command)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except BrokerError as exc:
            tell_error(exc, as_json=bool(kwargs.get("as_json")))
            sys.exit(exit_code(exc.code))
        except (KeyboardInterrupt, click.Abort):
            error = BrokerError("interrupted", "interrupted")
            tell_error(error, as_json=bool(kwargs.get("as_json")))
            sys.exit(INTERRUPTED)

    return told


def bad_usage(detail: str, hint: str) -> BrokerError:
    """An error in what was typed, found here and not by the daemon."""
    return BrokerError("bad_request", detail, hint)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show that something takes its time: on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    with Console(stderr=True).status(text, spinner="dots"):
        yield


def table(rows: list[Mapping[str, str]]) -> None:
    """Rows on stdout: aligned for a terminal, tabs between columns in a pipe."""
    if not rows:
        return
    head = {name: name.upper() for name in rows[0]}
    if not sys.stdout.isatty():
        for row in rows:
            say("\t".join(row.values()))
        return
    width = {name: max(len(row[name]) for row in [head, *rows]) for name in head}
    for row in [head, *rows]:
        line = "  ".join(row[name].ljust(width[name]) for name in head)
        say(line.rstrip())


def tell_error(error: BrokerError, *, as_json: bool) -> None:
    """On stderr in words, or on stdout as a problem document."""
    if as_json:
        say_json(error.problem())
        return
    tell(f"brokerctl: error: {error.detail}")
    if error.hint:
        tell(f"brokerctl: hint: {error.hint}")
