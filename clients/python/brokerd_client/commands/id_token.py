"""`brokerctl id-token`: prints one ID token, as light as `token` beside it."""

from __future__ import annotations

import sys

from brokerd_client.client import DEFAULT_TIMEOUT
from brokerd_client.commands.line import ask, run
from brokerd_client.id_tokens import id_token_request, parse_id_token
from brokerd_client.paths import find_socket
from brokerd_client.tokens import parse_bare_token
from brokerd_client.transport import exchange
from brokerd_client.wire import decode_reply, json_bytes, request_bytes

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brokerd_client.commands.line import Arguments
    from brokerd_client.id_tokens import IdToken

_USAGE = """\
usage: {program} [NAME] [options]

Print an ID token of the account NAME, signed by its issuer and checked.

  NAME             may be left out where there is one account, or a default
  --audience A     for whom; other than the account's own client it is to be had
                   of Google's service accounts alone
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

_TAKES_VALUE = ("--audience", "--min-ttl", "--socket")


def main(
    argv: Sequence[str] | None = None,
    *,
    start_broker: Callable[[], None] | None = None,
    program: str = "brokerd-id-token",
) -> int:
    """Run the command; the exit code. See `token.main`."""

    def answer(arguments: Arguments) -> str:
        return ask(lambda: _id_token(arguments), arguments.socket, start_broker)

    words = sys.argv[1:] if argv is None else argv
    return run(
        words, program=program, usage=_USAGE, takes_value=_TAKES_VALUE, answer=answer
    )


def _id_token(arguments: Arguments) -> str:
    """The ID token as it is to be printed, from the broker."""
    body = id_token_request(arguments.account, arguments.audience, arguments.min_ttl)
    is_bare = not (arguments.json or arguments.header)
    accept = "text/plain" if is_bare else "application/json"
    request = request_bytes("POST", "/v1/id-token", body, accept=accept)
    reply = exchange(find_socket(arguments.socket), request, DEFAULT_TIMEOUT)
    if is_bare and reply.is_text:
        return f"{parse_bare_token(reply.body)}\n"
    return _render(parse_id_token(decode_reply(reply)), arguments)


def _render(token: IdToken, arguments: Arguments) -> str:
    if arguments.header:
        return f"Authorization: {token.header}\n"
    if not arguments.json:
        return f"{token.value}\n"
    members = {
        "id_token": token.value,
        "expires_at": token.expires_at,
        "account": token.account,
        "audience": token.audience,
        "subject": token.subject,
        "issuer": token.issuer,
    }
    return f"{json_bytes(members).decode()}\n"


if __name__ == "__main__":
    sys.exit(main())
