"""A running oidc-agent, by its socket: it lets go of an account that has moved in.

It gives access tokens and never a refresh token, so that nothing can be taken over
from it; but what it has loaded it goes on renewing. One request a connection, JSON both
ways; its own tools encrypt that, and it takes it as it is, too. Source: oidc-agent,
`gitbook/api/api-ipc.md`, and what 4.2.6 answers.
"""

import json
import os
import socket
from collections.abc import Mapping

from broker.model.strict_json import parse_json

_PATIENCE_SECONDS = 5
_MOST_BYTES = 64 * 1024


def let_go(environ: Mapping[str, str], account: str) -> str | None:
    """Have the running one, if there is any, forget an account.

    Args:
        environ: of the person; `OIDC_SOCK` says where it listens.
        account: its short name.

    Returns:
        A sentence for the person; None where no running one has it.
    """
    place = environ.get("OIDC_SOCK")
    if not place or os.name != "posix":
        return None
    try:
        loaded = _asked(place, {"request": "loaded_accounts"}).get("info")
        if not isinstance(loaded, list) or account not in loaded:
            return None
        answer = _asked(place, {"request": "remove", "account": account})
    except (FileNotFoundError, ConnectionRefusedError):
        return None  # it has ended
    except (OSError, ValueError):
        answer = {}
    if answer.get("status") == "success":
        return "the running oidc-agent has let go of it"
    return "the running oidc-agent may still renew it: see `oidc-add --remove`"


def _asked(place: str, request: Mapping[str, str]) -> Mapping[str, object]:
    """What it answers.

    Raises:
        OSError, ValueError: nothing, or no JSON object.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE_SECONDS)
        connection.connect(place)
        connection.sendall(json.dumps(request).encode())
        answer = parse_json(connection.recv(_MOST_BYTES))
    if not isinstance(answer, dict):
        raise ValueError("no object")  # noqa: TRY004 - of the answer, not of a type
    return answer
