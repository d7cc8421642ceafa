"""`brokerctl workload-token`: has a workload's own program give its token.

The daemon starts no process. So the person runs it, or a timer of theirs, and the
daemon reads what was left: the output file is Google's own way to hand it on.
"""

import os
import secrets
import shlex
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import click

from broker.control.asking import confirm
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
from broker.model.errors import ConfigError, CredentialFileError
from broker.model.text import safe_text
from broker.model.time import UnixTime
from broker.oauth.google_executable import (
    Executable,
    ExecutableAnswer,
    ExecutableAnswerError,
    parse_executable,
    parse_executable_answer,
)
from brokerd_client.errors import BrokerError

_LARGEST_ANSWER = 64 * 1024


@click.command("workload-token")
@click.argument("file", type=click.Path(path_type=Path))
@yes_option
@json_option
@tells_errors
def workload_token(*, file: Path, yes: bool, as_json: bool) -> None:
    """Run a program that gives tokens, for the daemon to read.

    Its token is left where the daemon reads it.

    FILE is the configuration of a workload (external_account) whose source is an
    executable with an output_file. A timer keeps it fresh, with --yes.
    """
    made = _configured(file)
    command = shlex.join(made.words)
    confirm(f"Run `{safe_text(command, len(command))}`?", yes=yes)
    with waiting("its program gives a token"):
        data = _answer(made)
    answer = _parsed(made, data)
    _leave(Path(made.output), data)
    if as_json:
        say_json({"file": made.output, "expires_at": answer.expires_at})
        return
    say(f"written: {made.output}")
    end = time.strftime("%Y-%m-%d %H:%M", time.localtime(answer.expires_at))
    tell_note(f"it lasts until {end}; run this again before that")


def _configured(file: Path) -> Executable:
    # broker.host is a fifth of a second that no other command needs.
    from broker.host.persons_file import read_persons_file  # noqa: PLC0415

    hint = "see docs/google.md for what it holds"
    try:
        # Whoever can write it could have any program run.
        text = read_persons_file(file)
        if text is None:
            raise bad_usage(f"{file} is not there", "see which file you named")
        return parse_executable(text)
    except (ConfigError, CredentialFileError) as exc:
        raise bad_usage(f"{file} cannot be used: {exc.what}", hint) from None


def _answer(made: Executable) -> bytes:
    """All that it says on standard output; what it complains of is seen as it comes."""
    environment = {**os.environ, **made.environment}
    try:
        ended = subprocess.run(  # noqa: S603 - the person has said yes to it
            made.words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=made.seconds,
            check=False,
        )
    except OSError as exc:
        reason = (exc.strerror or "unknown").lower()
        raise _failed(made, f"it cannot be run: {reason}") from exc
    except subprocess.TimeoutExpired:
        # From None: the exception holds what it has said so far.
        what = f"it has not ended within {made.seconds:g} s"
        raise _failed(made, what) from None
    if ended.returncode:
        raise _failed(made, f"it ended with status {ended.returncode}")
    return ended.stdout[:_LARGEST_ANSWER]


def _parsed(made: Executable, data: bytes) -> ExecutableAnswer:
    try:
        return parse_executable_answer(data, UnixTime(time.time()))
    except ExecutableAnswerError as exc:
        raise _failed(made, f"of what it said: {exc.what}") from None


def _failed(made: Executable, what: str) -> BrokerError:
    return BrokerError(
        "workload_token_missing",
        f"{made.words[0]} gave no token: {what}",
        "nothing was written; run it by hand to see what it needs",
    )


def _leave(path: Path, data: bytes) -> None:
    """The whole answer under its name, for the person alone, or what was there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as opened:
            opened.write(data)
        temporary.replace(path)
    except OSError as exc:
        with suppress(OSError):
            temporary.unlink()
        reason = (exc.strerror or "unknown").lower()
        hint = "its 'output_file' names a file in a folder of yours"
        raise bad_usage(f"{path}: {reason}", hint) from exc
