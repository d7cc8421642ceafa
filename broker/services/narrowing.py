"""A request on a restricted socket: narrowed to what that is for, or refused. Pure."""

from typing import NoReturn

import msgspec
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import AccountNeededError, NotPermittedError
from broker.model.policy import Operation
from broker.model.restriction import Restriction
from broker.model.text import safe_text
from broker.model.time import Instant, Seconds
from broker.model.token import Scopes
from broker.services.served import TokenServed, TokenWanted, Written


def narrowed(
    restriction: Restriction, operation: Operation, wanted: TokenWanted
) -> TokenWanted:
    """What may pass of `wanted`; what it leaves out, the socket fills in.

    Raises:
        NotPermittedError: it asks for more than the socket is for. What else there is
            on this machine is not told, not even whether such an account exists.
        AccountNeededError: the socket is for several, and none was named.
    """
    if not restriction.permits(operation):
        _refuse(restriction, operation.value)
    return msgspec.structs.replace(
        wanted,
        account=_account(restriction, wanted.account),
        scopes=_scopes(restriction, wanted.scopes),
        resource=_resource(restriction, wanted.resource),
    )


def within(restriction: Restriction, served: TokenServed, now: Instant) -> TokenServed:
    """What may be handed out of `served`: the same token, its end as near as allowed.

    Nobody can shorten a token's life but its issuer. With `max_ttl` a peer is told of
    less, so that it asks again that soon, and gets nothing more once the socket is
    gone; the token that it has lives on for as long as its issuer said.

    Raises:
        NotPermittedError: the issuer gives no token as narrow as the socket is.
    """
    token = served.token
    if restriction.scopes is not None:
        wider = token.scopes - restriction.scopes
        if wider:
            names = ", ".join(sorted(wider))
            _refuse(restriction, f"the issuer's tokens can always do more: {names}")
    if restriction.max_ttl is None:
        return served
    age = max(now.wall - token.obtained.wall, now.boot - token.obtained.boot, 0.0)
    longest = age + restriction.max_ttl
    if token.life is not None and token.life <= longest:
        return served
    capped = replace(token, life=Seconds(longest))
    # With a place of its own for its bytes: the other one's say another end.
    return msgspec.structs.replace(served, token=capped, written=Written())


def _account(restriction: Restriction, name: AccountName | None) -> AccountName:
    if name is None:
        match restriction.accounts:
            case (only,):
                return only
            case names:
                raise AccountNeededError(accounts=names)
    if name not in restriction.accounts:
        _refuse(restriction, f"the account {name!r}")
    return name


def _scopes(restriction: Restriction, scopes: Scopes | None) -> Scopes | None:
    if restriction.scopes is None or scopes is None:
        return restriction.scopes if scopes is None else scopes
    wider = scopes - restriction.scopes
    if wider:
        _refuse(restriction, f"the scopes {', '.join(sorted(wider))}")
    return scopes


def _resource(restriction: Restriction, resource: str | None) -> str | None:
    if restriction.resource is None or resource is None:
        return restriction.resource if resource is None else resource
    if resource != restriction.resource:
        _refuse(restriction, f"the resource {safe_text(resource)}")
    return resource


def _refuse(restriction: Restriction, what: str) -> NoReturn:
    raise NotPermittedError(what=f"{what} ({restriction.name!r} is not for that)")
