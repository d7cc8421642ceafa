"""`brokerctl import`: takes over the sign-ins of other tools.

Reads their files with the person's own hand; the daemon is given what they hold, tries
it once, and keeps it. Then the plaintext copy goes, if the person wants that.
"""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import click
import msgspec

from broker.control.asking import agrees
from broker.control.broker import Broker, Json, text, texts
from broker.control.foreign.reading import shown
from broker.control.foreign.tools import tool_names
from broker.control.import_copies import remove_copies
from broker.control.import_google import (
    KEY_GOES_ON,
    all_or_none,
)
from broker.control.import_requests import ImportWords, calls
from broker.control.import_sources import (
    Sign,
    of_server,
    signs_of,
    sources,
)
from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    tell,
    tell_note,
    tells_errors,
    waiting,
    yes_option,
)
from brokerd_client import BrokerError
from brokerd_client.exit_codes import exit_code

_TAKING_SECONDS = 120
"""Discovery and one refresh, each with the outbound door's 25 seconds an address."""

_NO_NAME = re.compile(r"[^A-Za-z0-9._@+-]+")


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that is an account now."""

    sign: Sign
    answer: Json


@click.command(name="import", short_help="Take over sign-ins of other tools.")
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--as",
    "tool",
    type=click.Choice(tool_names()),
    help="The tool that wrote the file.",
)
@click.option("--only", metavar="LABEL", help="Only the sign-in of this label.")
@click.option(
    "--name", metavar="NAME", help="What the account is to be called; for one sign-in."
)
@click.option(
    "--issuer", metavar="ISSUER", help="Its issuer, where the file does not say it."
)
@click.option("--mcp", metavar="URL", help="The MCP server that it is for.")
@click.option(
    "--client-id", metavar="ID", help="Its client, where the file does not say it."
)
@click.option(
    "--client-secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file that holds the secret of that client alone.",
)
@click.option(
    "--scope",
    multiple=True,
    metavar="SCOPE",
    help="A scope that it has; may be repeated.",
)
@click.option("--keep", is_flag=True, help="Leave the tool's own copy where it is.")
@yes_option
@json_option
@tells_errors
def import_(**words: Unpack[ImportWords]) -> None:
    """Take over sign-ins of other tools: SOURCE is a tool's name or a file.

    Each is shown before it is taken, and tried with one refresh; what its issuer
    refuses stays where it is. `brokerctl scan` lists what there is.
    """
    files = sources(words["source"], words["tool"])
    signs = _meant(signs_of(files, words["only"]), words)
    taken: list[_Taken] = []
    failed: list[tuple[Sign, BrokerError]] = []
    for sign in signs:
        try:
            done = _take(sign, words)
        except BrokerError as exc:
            failed.append((sign, exc))
        else:
            taken += [done] if done is not None else []
    copies = [copy for done in taken for copy in done.sign.copies]
    removed = [] if words["keep"] else remove_copies(copies, yes=words["yes"])
    _end(taken, removed, failed, as_json=words["as_json"])


def _meant(signs: list[Sign], words: ImportWords) -> list[Sign]:
    """Those that the options are for.

    Raises:
        BrokerError: what is said of one is said of several. The token of one would go
            to the issuer of another.
    """
    if words["mcp"] is not None:
        signs = of_server(signs, words["mcp"])
    own = ("name", "issuer", "mcp", "client_id", "client_secret_file")
    said = next((name for name in own if words.get(name) is not None), None)
    if said is not None and len(signs) != 1:
        raise bad_usage(
            f"--{said.replace('_', '-')} is for one sign-in, and there are "
            f"{len(signs)}",
            "say which with --only LABEL, or name its file",
        )
    return signs


def _take(sign: Sign, words: ImportWords) -> _Taken | None:
    """One of them; None where the person does not want it."""
    name = words["name"] or account_name(sign.found.label, sign.tool.name)
    requests = calls(sign, words, name)
    _show(sign, name)
    stop = KEY_GOES_ON if sign.found.credentials is not None else sign.tool.must_stop
    # Also where nobody is asked: two that renew the same one may lose it for both.
    tell(f"  {stop}")
    if not agrees("Take it over?", yes=words["yes"]):
        return None
    try:
        with waiting("trying it with one token"):
            answer = all_or_none(requests, Broker(), _TAKING_SECONDS)
    except KeyboardInterrupt:
        # The daemon goes on. A second try under another name would spend a token that
        # may be void now.
        tell_note(f"{name!r} may be taken over all the same: see `brokerctl accounts`")
        raise
    except BrokerError as exc:
        if exc.code != "account_exists":
            raise
        # Of the same token once more, an issuer that rotates would end both.
        hint = (
            f"if that is this one, taken over before, its copy in {shown(sign.path)} "
            "is of no use any more: delete it; else choose another with --name"
        )
        raise BrokerError(
            exc.code, exc.detail, hint, status=exc.status, facts=exc.facts
        ) from None
    if not words["as_json"]:
        say(f"taken over: {text(answer, 'account')} at {text(answer, 'issuer')}")
        _tell_notes(answer)
    # Now: before the issuer's answer it is not ours.
    let_go = sign.tool.let_go
    gone = None if let_go is None else let_go(os.environ, sign.found.label)
    if gone is not None:
        tell_note(gone)
    return _Taken(sign=sign, answer=answer)


def _show(sign: Sign, name: str) -> None:
    tell(f"{sign.tool.name}: {sign.found.label}, as {name}")
    for file, _ in sign.copies:
        mode = "" if file.mode is None else f", mode {file.mode:04o}"
        who = {"you": "you alone can read it", "group": "your group can read it"}
        readers = who.get(file.readers, "every user of the machine can read it")
        readers = readers if file.mode is not None else "file"
        tell(f"  {shown(file.path)} ({readers}{mode})")


def _tell_notes(answer: Json) -> None:
    if answer.get("rotated"):
        tell_note("the issuer gave a new refresh token: the tool's copy is void")
    for note in texts(answer, "notes"):
        tell_note(note)


def account_name(label: str, tool: str) -> str:
    """What an account is called where the person does not say: near to the label."""
    name = _NO_NAME.sub("-", label).strip("-._@+")[:128]
    return tool if name in {"", "default", "account"} else name


def _end(
    taken: Sequence[_Taken],
    removed: Sequence[Path],
    failed: Sequence[tuple[Sign, BrokerError]],
    *,
    as_json: bool,
) -> None:
    if as_json and (taken or len(failed) != 1):
        say_json(
            {
                "taken": [done.answer for done in taken],
                "removed": [str(path) for path in removed],
                "failed": [
                    {"label": sign.found.label, "problem": error.problem()}
                    for sign, error in failed
                ],
            }
        )
        if failed:
            sys.exit(exit_code(failed[0][1].code))
        return
    for sign, error in failed[1:]:
        tell(f"brokerctl: error: {sign.found.label}: {error.detail}")
    if failed:
        raise failed[0][1]
