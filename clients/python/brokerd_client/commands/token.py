"""`brokerctl token`, and `brokerd-token` where only the client is installed.

Prints one access token. Programs run it often, so it imports next to nothing:
arguments are parsed by hand, and the help text is made when it is asked for.
"""

from __future__ import annotations

import sys

from brokerd_client.client import DEFAULT_TIMEOUT
from brokerd_client.errors import BrokerError, BrokerUnreachableError
from brokerd_client.exit_codes import (
    INTERNAL,
    INTERRUPTED,
    OK,
    USAGE,
    exit_code,
    exit_code_lines,
)
from brokerd_client.paths import find_socket
from brokerd_client.tokens import (
    BEARER,
    DEFAULT_MIN_TTL,
    NOT_APPLICABLE,
    parse_bare_token,
    parse_token,
    token_request,
)
from brokerd_client.transport import exchange
from brokerd_client.wire import decode_reply, json_bytes, request_bytes

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from brokerd_client.tokens import Token

_USAGE = """\
usage: {program} [NAME] [options]

Print a fresh access token of the account NAME.

  NAME             may be left out where there is one account, or a default
  --scope S        only this scope; may be given more than once
  --resource R     the API the token is for (RFC 8707)
  --min-ttl N      seconds of life the token must have left [{min_ttl:g}], at
                   most 86400; one that is born with less is printed as it is
  --header         print 'Authorization: Bearer ...' instead
  --json           print everything, an error too, as JSON
  --socket PATH    the broker's socket [$BROKERD_SOCKET, or the default one]
  --version        print the client's version
  -h, --help       print this

exit codes:
{exit_codes}
"""

_SWITCHES = {
    "--header": "header",
    "--json": "json",
    "--version": "version",
    "--help": "help",
    "-h": "help",
}
_TAKES_VALUE = ("--scope", "--resource", "--min-ttl", "--socket")


class _UsageError(Exception):
    """The arguments are wrong; the message says which."""


class _Arguments:
    """What the command line says."""

    def __init__(self) -> None:
        self.account: str | None = None
        self.scopes: list[str] = []
        self.resource: str | None = None
        self.min_ttl = DEFAULT_MIN_TTL
        self.header = False
        self.json = False
        self.socket: str | None = None
        self.version = False
        self.help = False


def main(
    argv: Sequence[str] | None = None,
    *,
    start_broker: Callable[[], None] | None = None,
    program: str = "brokerd-token",
) -> int:
    """Run the command; the exit code.

    Args:
        argv: arguments without the program's name; None for the process's own.
        start_broker: called once where no broker is running, before another try.
        program: how the command is called, such as 'brokerctl token'.
    """
    name = program.partition(" ")[0]
    as_json = False
    try:
        arguments = _parse(sys.argv[1:] if argv is None else argv)
        as_json = arguments.json
        return _print(_answer(arguments, start_broker, program), name)
    except _UsageError as exc:
        return _complain(name, str(exc), f"'{program} --help' lists the options", USAGE)
    except BrokerError as exc:
        if as_json:
            written = _print(f"{json_bytes(exc.problem()).decode()}\n", name)
            return exit_code(exc.code) if written == OK else written
        return _complain(name, exc.detail, exc.hint, exit_code(exc.code))
    except KeyboardInterrupt:
        return INTERRUPTED


def _parse(argv: Sequence[str]) -> _Arguments:
    """The arguments; options may stand before and after NAME, until '--'.

    Raises:
        _UsageError: one is unknown, or its value is missing or wrong.
    """
    arguments = _Arguments()
    words = iter(argv)
    for word in words:
        if word == "--":
            for name in words:
                _take_name(arguments, name)
        elif word.startswith("-") and word != "-":
            _take_option(arguments, word, words)
        else:
            _take_name(arguments, word)
    return arguments


def _take_name(arguments: _Arguments, name: str) -> None:
    if arguments.account is not None:
        raise _UsageError(f"one account at a time, not also '{name}'")
    arguments.account = name


def _take_option(arguments: _Arguments, word: str, words: Iterator[str]) -> None:
    option, has_value, value = word.partition("=")
    if option in _SWITCHES and not has_value:
        setattr(arguments, _SWITCHES[option], True)
        return
    if option not in _TAKES_VALUE:
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


def _answer(
    arguments: _Arguments, start_broker: Callable[[], None] | None, program: str
) -> str:
    """What goes to stdout."""
    if arguments.help:
        return _help(program)
    if arguments.version:
        return _version(program)
    return _ask(arguments, start_broker, program)


def _ask(
    arguments: _Arguments, start_broker: Callable[[], None] | None, program: str
) -> str:
    # Whatever is started listens at the default place, not where someone named one.
    may_start = not find_socket(arguments.socket)[1]
    try:
        return _token(arguments, program)
    except BrokerUnreachableError as exc:
        # A broker that is there but slow would not be helped by a second one.
        is_missing = exc.facts.get("cause") == "not_running"
        if start_broker is None or not (may_start and is_missing):
            raise
    start_broker()
    return _token(arguments, program)


def _token(arguments: _Arguments, program: str) -> str:
    """The token as it is to be printed, from the broker."""
    body = token_request(
        account=arguments.account,
        scopes=arguments.scopes or None,
        resource=arguments.resource,
        min_ttl=arguments.min_ttl,
        rejected=None,
    )
    # The bare token needs no parser, and most ask for nothing else.
    is_bare = not (arguments.json or arguments.header)
    accept = "text/plain" if is_bare else "application/json"
    request = request_bytes("POST", "/v1/token", body, accept=accept)
    reply = exchange(find_socket(arguments.socket), request, DEFAULT_TIMEOUT)
    if is_bare and reply.is_text:
        _note_extra(reply.headers.get("extra-scopes", ""), program)
        _note_type(reply.headers.get("token-type", BEARER), program)
        return f"{parse_bare_token(reply.body)}\n"
    token = parse_token(decode_reply(reply))
    if not arguments.json:
        extra = set(token.scopes).difference(arguments.scopes or token.scopes)
        _note_extra(" ".join(sorted(extra)), program)
        _note_type(token.token_type, program)
    return _render(token, arguments)


def _note_extra(scopes: str, program: str) -> None:
    """Whoever hands the token on must know that the issuer does not narrow."""
    if scopes:
        _note(f"the token can do more: {scopes}", program)


def _note_type(token_type: str, program: str) -> None:
    """Whoever sends it as a Bearer token is refused by every API."""
    if token_type == NOT_APPLICABLE:
        _note("it is no access token (N_A): no Authorization header takes it", program)
    elif token_type.lower() != BEARER.lower():
        _note(
            f"the token is bound to a key ({token_type}): an API takes it with a proof "
            "only, see 'brokerctl dpop-proof'",
            program,
        )


def _note(text: str, program: str) -> None:
    if sys.stderr is not None:
        name = program.partition(" ")[0]
        print(f"{name}: note: {_safe(text)}", file=sys.stderr)  # noqa: T201 - a command


def _render(token: Token, arguments: _Arguments) -> str:
    if arguments.json:
        members = {
            "access_token": token.value,
            "token_type": token.token_type,
            "expires_at": token.expires_at,
            "scopes": list(token.scopes),
            "account": token.account,
        }
        return f"{json_bytes(members).decode()}\n"
    if arguments.header:
        return f"Authorization: {token.header}\n"
    return f"{token.value}\n"


def _help(program: str) -> str:
    return _USAGE.format(
        program=program,
        min_ttl=DEFAULT_MIN_TTL,
        exit_codes="\n".join(exit_code_lines()),
    )


def _version(program: str) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - 20 ms, rarely needed

    return f"{program} {version('brokerd-client')}\n"


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


if __name__ == "__main__":
    sys.exit(main())
