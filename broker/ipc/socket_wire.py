"""Restricted sockets on the admin socket, as typed values. Pure.

The shapes are those of clients/PROTOCOL.md.
"""

import posixpath
from collections.abc import Sequence

from broker.ipc.wire import Request, parse_scopes
from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError
from broker.model.policy import Operation
from broker.model.restriction import (
    FOR_RESTRICTED,
    Confirm,
    Rate,
    Restriction,
    Runner,
    parse_socket_name,
)
from broker.model.time import Seconds, UnixTime
from broker.oauth.token_request import parse_resource
from broker.services.sockets import ListedSocket

MOST_TOKENS = 10_000
"""Of a rate: the moments of as many are kept."""

LONGEST = 10 * 365 * 86_400
"""Seconds of any span here: ten years."""


class RateBody(Request, frozen=True):
    """`rate` of `POST /v1/sockets`."""

    most: int
    seconds: float


class SocketBody(Request, frozen=True):
    """`POST /v1/sockets`."""

    name: str
    accounts: list[str]
    scopes: list[str] | None = None
    resource: str | None = None
    max_ttl: float | None = None
    operations: list[str] | None = None
    rate: RateBody | None = None
    expires_in: float | None = None
    uses: int | None = None
    confirm: Confirm = Confirm.NEVER
    group: str | None = None
    path: str | None = None
    with_me: bool = False


def restriction(body: SocketBody, runner: Runner | None) -> Restriction:
    """What the socket is to be for, without its moments.

    Args:
        body: says so.
        runner: with which it ends, or None.

    Raises:
        BadRequestError: a member is out of its range, or contradicts another.
    """
    if not body.accounts:
        raise BadRequestError(what="accounts names one account at least")
    if body.scopes is not None and not body.scopes:
        raise BadRequestError(what="scopes names one scope at least, or is left out")
    if body.uses is not None and body.uses < 1:
        raise BadRequestError(what="uses is 1 at least")
    if body.group is not None and body.path is None:
        raise BadRequestError(
            what="a group's socket needs a path: the usual folder is yours alone, and "
            "nobody else can enter it"
        )
    names = [parse_account_name(each) for each in body.accounts]
    return Restriction(
        name=parse_socket_name(body.name),
        accounts=tuple(dict.fromkeys(names)),
        made_at=UnixTime(0),
        scopes=None if body.scopes is None else frozenset(parse_scopes(body.scopes)),
        resource=None if body.resource is None else parse_resource(body.resource),
        max_ttl=_span("max_ttl", body.max_ttl),
        operations=_operations(body.operations),
        rate=None if body.rate is None else _rate(body.rate),
        uses=body.uses,
        confirm=body.confirm,
        group=body.group,
        path=None if body.path is None else _path(body.path),
        runner=runner,
    )


def expires_in(body: SocketBody) -> Seconds | None:
    """Seconds until the socket ends by itself, or None.

    Raises:
        BadRequestError: out of its range.
    """
    return _span("expires_in", body.expires_in)


def socket_reply(listed: ListedSocket) -> dict[str, object]:
    """Answer of `POST /v1/sockets`, and one of the list."""
    own = listed.record.restriction
    rate = own.rate
    return {
        "name": own.name,
        "path": listed.path,
        "accounts": list(own.accounts),
        "scopes": None if own.scopes is None else sorted(own.scopes),
        "resource": own.resource,
        "max_ttl": own.max_ttl,
        "operations": sorted(each.value for each in own.operations),
        "rate": None if rate is None else {"most": rate.most, "seconds": rate.seconds},
        "made_at": own.made_at,
        "expires_at": own.expires_at,
        "uses": own.uses,
        "used": listed.record.used,
        "confirm": own.confirm.value,
        "group": own.group,
        "with_process": None if own.runner is None else own.runner.pid,
        "fault": listed.fault,
    }


def sockets_reply(
    sockets: Sequence[ListedSocket], *, is_damaged: bool
) -> dict[str, object]:
    """Answer of `GET /v1/sockets`."""
    return {"sockets": [socket_reply(one) for one in sockets], "damaged": is_damaged}


def _operations(named: list[str] | None) -> frozenset[Operation]:
    if named is None:
        return frozenset({Operation.TOKEN})
    known = {each.value: each for each in FOR_RESTRICTED}
    if not named or not known.keys() >= set(named):
        names = ", ".join(sorted(known))
        raise BadRequestError(what=f"operations are some of: {names}")
    return frozenset(known[name] for name in named)


def _rate(body: RateBody) -> Rate:
    if not (0 < body.most <= MOST_TOKENS and 0 < body.seconds <= LONGEST):
        raise BadRequestError(
            what=f"a rate is 1 to {MOST_TOKENS} tokens in a number of seconds"
        )
    return Rate(most=body.most, seconds=Seconds(body.seconds))


def _span(name: str, seconds: float | None) -> Seconds | None:
    if seconds is not None and not 0 < seconds <= LONGEST:
        raise BadRequestError(what=f"{name} is a number of seconds, at most {LONGEST}")
    return None if seconds is None else Seconds(seconds)


def _path(path: str) -> str:
    # One text for one place, without links of '..' that lead elsewhere one day.
    if not path.startswith("/") or posixpath.normpath(path) != path or "\0" in path:
        raise BadRequestError(what="path is absolute, without '.', '..' or '//' in it")
    return path
