"""`brokerctl token`, and `brokerd-token` where only the client is installed.

Prints one access token. Programs run it often, so it imports next to nothing:
arguments are parsed by hand, and the help text is made when it is asked for.
"""

from __future__ import annotations

import sys

from brokerd_client.client import DEFAULT_TIMEOUT
from brokerd_client.commands.line import ask, note, run
from brokerd_client.paths import find_socket
from brokerd_client.tokens import (
    BEARER,
    NOT_APPLICABLE,
    parse_bare_token,
    parse_token,
    token_request,
)
from brokerd_client.transport import exchange
from brokerd_client.wire import decode_reply, json_bytes, request_bytes

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brokerd_client.commands.line import Arguments
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

_TAKES_VALUE = ("--scope", "--resource", "--min-ttl", "--socket")


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

    def answer(arguments: Arguments) -> str:
        return ask(lambda: _token(arguments, program), arguments.socket, start_broker)

    words = sys.argv[1:] if argv is None else argv
    return run(
        words, program=program, usage=_USAGE, takes_value=_TAKES_VALUE, answer=answer
    )


def _token(arguments: Arguments, program: str) -> str:
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
        note(f"the token can do more: {scopes}", program)


def _note_type(token_type: str, program: str) -> None:
    """Whoever sends it as a Bearer token is refused by every API."""
    if token_type == NOT_APPLICABLE:
        note("it is no access token (N_A): no Authorization header takes it", program)
    elif token_type.lower() != BEARER.lower():
        note(
            f"the token is bound to a key ({token_type}): an API takes it with a proof "
            "only, see `brokerctl dpop-proof`",
            program,
        )


def _render(token: Token, arguments: Arguments) -> str:
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


if __name__ == "__main__":
    sys.exit(main())
