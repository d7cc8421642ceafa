"""`brokerctl add`: accounts without a person. The kinds are in `adding_kinds`."""

from collections.abc import Callable
from pathlib import Path
from typing import Unpack
from urllib.parse import quote

import click

from broker.control import adding_derived, adding_google, adding_oauth
from broker.control.adding_kinds import body_of
from broker.control.adding_words import STDIN, AddWords, Option
from broker.control.broker import Broker, text, texts
from broker.control.output import (
    json_option,
    say,
    say_json,
    tell_note,
    tells_errors,
    waiting,
)

_ADDING_SECONDS = 120
"""Discovery and one token, each with the outbound door's 25 seconds an address."""


def _with(*options: Option) -> Option:
    """All of them, in this order in the help."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command(short_help="Make an account without a person, or a view of one.")
@click.argument("name")
@_with(*adding_oauth.OPTIONS, *adding_google.OPTIONS, *adding_derived.OPTIONS)
@click.option(
    "--scope", multiple=True, metavar="SCOPE", help="A scope; may be repeated."
)
@click.option("--resource", metavar="URI", help="The only API that tokens are for.")
@click.option(
    "--param",
    multiple=True,
    metavar="NAME=VALUE",
    help="A further parameter of the token request, such as audience.",
)
@click.option(
    "--replace", is_flag=True, help="Make it anew, where it is such an account already."
)
@json_option
@tells_errors
def add(**words: Unpack[AddWords]) -> None:
    """Make NAME an account without a person: its tokens come with nobody there.

    With --from alone it is a view: part of what another account may do, by --scope and
    --resource, under a name of its own.

    One token is fetched before anything is saved. Secrets are read from files or from
    standard input, and kept sealed from then on.
    """
    body = body_of(words)
    with waiting("trying it with one token"):
        answer = Broker().call(
            "PUT",
            f"/v1/accounts/{quote(words['name'], safe='')}",
            {name: value for name, value in body.items() if value is not None},
            timeout=_ADDING_SECONDS,
        )
    if words["as_json"]:
        say_json(answer)
        return
    say(f"added: {text(answer, 'account')} at {text(answer, 'issuer')}")
    for note in texts(answer, "notes"):
        tell_note(note)
    for file in adding_oauth.exposed_files(words):
        tell_note(f"everybody can read {file}: `chmod 600` keeps its key yours")
    for file in _taken_over(words):
        tell_note(f"{file} is sealed in the store now: the file may be deleted")


def _taken_over(words: AddWords) -> list[Path]:
    files = adding_oauth.oauth_files(words) + adding_google.google_files(words)
    return [file for file in files if file != STDIN]
