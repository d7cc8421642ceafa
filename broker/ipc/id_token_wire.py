"""ID tokens on the socket, as typed values. Pure: no network, no clock.

The shapes are those of clients/PROTOCOL.md.
"""

import msgspec

from broker.ipc.wire import JSON, PLAIN_TEXT, Request, is_plain_text, parse_min_ttl
from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError
from broker.services.id_token_checks import IdTokenServed, IdTokenWanted

LONGEST_AUDIENCE = 2048


class IdTokenBody(Request, frozen=True):
    """`POST /v1/id-token`."""

    account: str | None = None
    audience: str | None = None
    min_ttl: float = 0.0


def id_token_wanted(body: IdTokenBody) -> IdTokenWanted:
    """The request for an ID token.

    Raises:
        BadRequestError: a member is out of its range.
    """
    audience = body.audience
    if audience is not None and not 0 < len(audience) <= LONGEST_AUDIENCE:
        raise BadRequestError(what="audience has 1 to 2048 characters, or is left out")
    return IdTokenWanted(
        account=None if body.account is None else parse_account_name(body.account),
        audience=audience,
        min_ttl=parse_min_ttl(body.min_ttl),
    )


def id_token_answer(served: IdTokenServed, accept: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body of the answer.

    Args:
        served: the ID token.
        accept: the request's header; '' where it has none.
    """
    value = served.token.value.reveal()
    if is_plain_text(accept):
        return {"Content-Type": f"{PLAIN_TEXT}; charset=utf-8"}, value.encode()
    reply = {
        "id_token": value,
        "expires_at": served.token.expires_at,
        "account": served.account,
        "audience": served.audience,
        "subject": served.subject,
        "issuer": served.issuer,
    }
    return {"Content-Type": JSON}, msgspec.json.encode(reply)
