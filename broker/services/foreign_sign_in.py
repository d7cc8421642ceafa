"""A sign-in as another tool had it, and what is to be thought of it. Knows no store."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from broker.model.account import AccountName
from broker.model.client import Client
from broker.model.errors import (
    BrokerError,
    ImportRefusedError,
    LoginRequiredError,
    RefreshRefusedError,
)
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import Instant
from broker.model.token import AccessToken
from broker.services.arrivals import Arrived
from broker.services.sign_in import SignIn


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in as another tool had it.

    Attributes:
        account: what it is to be called here.
        issuer: a preset's name or an issuer URL; None to go by `token_endpoint`.
        token_endpoint: where the tool renewed it, or None.
        client: the registration that it was given to.
        refresh_token: or None, where `access_token` is all that the issuer gives.
        access_token: one that does not expire.
        scopes: those that were granted; empty where the tool does not know.
        mcp: the URL of the MCP server that it is for, which says issuer and resource.
    """

    account: AccountName
    issuer: str | None
    token_endpoint: str | None
    client: Client
    refresh_token: Secret | None
    access_token: Secret | None
    scopes: tuple[str, ...]
    mcp: str | None = None


class TakenOver(Arrived, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        is_rotated: whether the issuer gave another refresh token, so that the tool's
            copy is void.
    """

    is_rotated: bool


def is_rotated(grant: Grant, foreign: Foreign) -> bool:
    """Whether the grant has a newer refresh token than its tool."""
    return grant.refresh_token != foreign.refresh_token


def foreign_grant(foreign: Foreign, sign_in: SignIn, now: Instant) -> Grant:
    """The grant as it is before it was tried."""
    scopes = frozenset(foreign.scopes)
    token = None
    if foreign.refresh_token is None and foreign.access_token is not None:
        token = AccessToken(
            value=foreign.access_token,
            token_type="Bearer",  # noqa: S106 - the type (RFC 6750)
            scopes=scopes,
            obtained=now,
            life=None,
        )
    return Grant(
        account=sign_in.account,
        version=0,  # given by whoever saves it
        refresh_token=foreign.refresh_token,
        access_token=token,
        scopes=scopes,
        granted_at=now.wall,
    )


def require_own(foreign: Foreign, sign_in: SignIn) -> None:
    """See that the issuer is the one that gave it, before the token goes there.

    Raises:
        ImportRefusedError: its tool renewed it somewhere else.
    """
    if foreign.token_endpoint is None:
        return
    issuer, preset = sign_in.account.issuer, sign_in.preset
    own, named = urlsplit(issuer.token_endpoint), urlsplit(foreign.token_endpoint)
    hosts = preset.hosts if preset else ()
    if own.netloc != named.netloc and named.hostname not in hosts:
        raise ImportRefusedError(
            issuer=issuer.url, what=f"it was given by {safe_text(named.netloc)}"
        )


def require_new(foreign: Foreign, sign_in: SignIn, grants: Iterable[Grant]) -> None:
    """See that no account here has it already, such as the one that was exported.

    Two that renew the same one would end it for both.

    Raises:
        ImportRefusedError: one has.
    """
    token = foreign.refresh_token
    for grant in grants:
        if token is not None and grant.refresh_token == token:
            what = f"it is the account {grant.account.name!r} here already"
            raise ImportRefusedError(issuer=sign_in.account.issuer.url, what=what)


def refusal(error: BrokerError, sign_in: SignIn) -> BrokerError:
    """The issuer's no, in words for a sign-in that is not ours yet."""
    issuer = sign_in.account.issuer.url
    match error:
        case LoginRequiredError():
            return ImportRefusedError(issuer=issuer, what=error.reason)
        case RefreshRefusedError():
            said = " ".join(t for t in (error.error, error.description) if t)
            return ImportRefusedError(issuer=issuer, what=said)
    return error


def notes_on(grant: Grant) -> list[str]:
    """What the person should know of a grant that was taken over, a sentence each."""
    notes = []
    if grant.refresh_token is None:
        notes.append(
            "the token has no refresh token beside it and could not be tried: it is "
            "kept sealed, and served as it is until its issuer ends it"
        )
    if not grant.scopes:
        notes.append(
            "neither the tool nor the issuer says which scopes it has: programs can "
            "ask for a token with all of them only; name them at the next login"
        )
    return notes
