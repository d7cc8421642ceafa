"""What is left to do at an issuer after a log-out. Knows no issuer's protocol.

It is a grant of its own, so that all that holds for grants holds for it: it is sealed,
its key is rotated, it is in backups. Its name is none that a person can type, and says
which token it is of:

    work~3f1a9c0d5e7b2468
"""

import hashlib

from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.grant import Grant, GrantState, Intent, IntentCause
from broker.model.time import UnixTime

_BETWEEN = "~"
_DIGEST_CHARACTERS = 16


def leaving_name(grant: Grant) -> AccountName | None:
    """The name that what is left of `grant` has; None where it has no token.

    The same token has the same name: a log-out that was cut off is known by it.
    """
    token = grant.refresh_token or (
        grant.access_token.value if grant.access_token else None
    )
    return None if token is None else _name(grant, token.reveal())


def leaving(grant: Grant, since: UnixTime) -> Grant:
    """What is to be ended at the issuer of `grant`: its token, if it has one, and a
    client that the broker has registered.

    Args:
        grant: of an account.
        since: when the person logged out.
    """
    name = leaving_name(grant) or _name(grant, grant.account.client.client_id)
    return replace(
        grant,
        account=replace(grant.account, name=name),
        version=1,
        state=GrantState.LEAVING,
        intent=Intent(since=since, cause=IntentCause.LOG_OUT),
        ended_because=None,
        dpop_key=None,  # RFC 9449 has no proof for a revocation
    )


def _name(grant: Grant, text: str) -> AccountName:
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return AccountName(f"{grant.account.name}{_BETWEEN}{digest}")


def left_account(grant: Grant) -> AccountName:
    """The account that a leaving grant was of."""
    return AccountName(grant.account.name.partition(_BETWEEN)[0])


def leaving_since(grant: Grant) -> UnixTime:
    """When the person logged out."""
    return grant.granted_at if grant.intent is None else grant.intent.since


def ends_at(grant: Grant) -> UnixTime | None:
    """When it ends without anybody's doing, where that is known."""
    if grant.refresh_token is None and grant.access_token is not None:
        return grant.access_token.expires_at
    return grant.refresh_expires_at
