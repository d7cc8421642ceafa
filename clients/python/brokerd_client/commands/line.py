"""What the commands that programs run have in common: words in, one token out.

Programs run them often, so this imports next to nothing: arguments are parsed by hand,
and the help text is made when it is asked for.
"""

from __future__ import annotations

import sys

from brokerd_client.errors import BrokerError, BrokerUnreachableError
from brokerd_client.exit_codes import (
    INTERNAL,
    INTERRUPTED,
    OK,
    exit_code,
    exit_code_lines,
)
from brokerd_client.paths import find_socket
from brokerd_client.tokens import DEFAULT_MIN_TTL
from brokerd_client.wire import json_bytes

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SWITCHES = {
    "--header": "header",
    "--json": "json",
    "--version": "version",
    "--help": "help",
    "-h": "help",
}


class _UsageError(Exception):
    """The arguments are wrong; the message says which."""


class Arguments:
    """What the command line says."""

    def __init__(self) -> None:
        self.account: str | None = None
        self.scopes: list[str] = []
        self.resource: str | None = None
        self.audience: str | None = None
        self.min_ttl = DEFAULT_MIN_TTL
        self.header = False
        self.json = False
        self.socket: str | None = None
        self.version = False
        self.help = False


def run(
    words: Sequence[str],
    *,
    program: str,
    usage: str,
    takes_value: Sequence[str],
    answer: Callable[[Arguments], str],
) -> int:
    """One command that asks the broker and prints; the exit code.

    Args:
        words: the arguments.
        program: see `main`.
        usage: the help.
        takes_value: the options that take one.
        answer: what goes to stdout.
    """
    name = program.partition(" ")[0]
    as_json = False
    try:
        arguments = _parse(words, takes_value)
        as_json = arguments.json
        return _print(_said(arguments, program, usage) or answer(arguments), name)
    except _UsageError as exc:
        hint = f"`{program} --help` lists the options"
        error = BrokerError("bad_request", str(exc), hint)
        return _tell(error, name, as_json="--json" in words)
    except BrokerError as exc:
        return _tell(exc, name, as_json=as_json)
    except KeyboardInterrupt:
        return INTERRUPTED


def _said(arguments: Arguments, program: str, usage: str) -> str:
    """What is known without the broker; '' where it is to be asked."""
    if arguments.help:
        return _help(program, usage)
    return _version(program) if arguments.version else ""


def ask(
    token: Callable[[], str],
    socket: str | None,
    start_broker: Callable[[], None] | None,
) -> str:
    """What `token` gets of the broker, which is started once where it may be.

    Raises:
        BrokerError: as `token`.
    """
    # Whatever is started listens at the default place, not where someone named one.
    may_start = not find_socket(socket)[1]
    try:
        return token()
    except BrokerUnreachableError as exc:
        # A broker that is there but slow would not be helped by a second one.
        is_missing = exc.facts.get("cause") == "not_running"
        if start_broker is None or not (may_start and is_missing):
            raise
    start_broker()
    return token()


def _parse(argv: Sequence[str], takes_value: Sequence[str]) -> Arguments:
    """The arguments; options may stand before and after NAME, until '--'.

    Raises:
        _UsageError: one is unknown, or its value is missing or wrong.
    """
    arguments = Arguments()
    words = iter(argv)
    for word in words:
        if word == "--":
            for name in words:
                _take_name(arguments, name)
        elif word.startswith("-") and word != "-":
            _take_option(arguments, word, words, takes_value)
        else:
            _take_name(arguments, word)
    return arguments


def _take_name(arguments: Arguments, name: str) -> None:
    if arguments.account is not None:
        raise _UsageError(f"one account at a time, not also '{name}'")
    arguments.account = name


def _take_option(
    arguments: Arguments, word: str, words: Iterator[str], takes_value: Sequence[str]
) -> None:
    option, has_value, value = word.partition("=")
    if option in _SWITCHES and not has_value:
        setattr(arguments, _SWITCHES[option], True)
        return
    if option not in takes_value:
        raise _UsageError(f"unknown option {option}")
    if not has_value:
        value = next(words, "")
    if not value:
        raise _UsageError(f"{option} needs a value")
    if option == "--scope":
        arguments.scopes += value.split()
    elif option == "--min-ttl":
        arguments.min_ttl = _seconds(value)
    else:
        setattr(arguments, option[2:], value)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise _UsageError("--min-ttl takes a number of seconds, 0 or more")
    return seconds


def _help(program: str, usage: str) -> str:
    return usage.format(
        program=program,
        min_ttl=DEFAULT_MIN_TTL,
        exit_codes="\n".join(exit_code_lines()),
    )


def _version(program: str) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - 20 ms, rarely needed

    return f"{program} {version('brokerd-client')}\n"


def note(text: str, program: str) -> None:
    """Say something on stderr, for the person."""
    if sys.stderr is not None:
        name = program.partition(" ")[0]
        print(f"{name}: note: {_safe(text)}", file=sys.stderr)  # noqa: T201 - a command


def _print(text: str, name: str) -> int:
    """Write `text` to stdout for the program `name`; the exit code."""
    if sys.stdout is None:  # it was closed before we began
        return _complain(name, "cannot write: stdout is closed", "", INTERNAL)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as exc:
        sys.stdout = None  # Python would try, and complain, again at exit
        if isinstance(exc, BrokenPipeError):  # whoever reads has gone: no need to say
            return INTERNAL
        reason = (exc.strerror or "unknown").lower()
        return _complain(name, f"cannot write: {reason}", "", INTERNAL)
    return OK


def _tell(error: BrokerError, name: str, *, as_json: bool) -> int:
    code = exit_code(error.code)
    if as_json:
        written = _print(f"{json_bytes(error.problem()).decode()}\n", name)
        return code if written == OK else written
    return _complain(name, error.detail, error.hint, code)


def _complain(name: str, detail: str, hint: str, code: int) -> int:
    if sys.stderr is None:  # print() would turn to stdout, where a token is expected
        return code
    print(f"{name}: error: {_safe(detail)}", file=sys.stderr)  # noqa: T201 - a command
    if hint:
        print(f"{name}: hint: {_safe(hint)}", file=sys.stderr)  # noqa: T201 - as above
    return code


def _safe(text: str) -> str:
    """Without what could rewrite a terminal: a named socket may be another's."""
    return "".join(c if c.isprintable() else " " for c in text)
