"""Grants: what a sign-in gave. The one thing that must never be lost."""

from enum import Enum

import msgspec
from msgspec.structs import replace

from broker.model.account import Account
from broker.model.errors import (
    LoginRequiredError,
    ReauthenticationRequiredError,
    ResourceNotGrantedError,
)
from broker.model.person import Person
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import UnixTime
from broker.model.token import AccessToken, Scopes
from broker.model.unattended import Unattended


class GrantState(Enum):
    """Whether a grant can still give tokens, and if not, why."""

    LIVE = "live"
    DEAD = "dead"
    """The issuer refused the refresh token (invalid_grant): a login is needed."""
    REAUTHENTICATE = "reauthenticate"
    """Alive, but the issuer wants the person again (Google's invalid_rapt)."""
    SIGNED_OUT = "signed_out"
    """Logged out, with the sign-in kept for the next login."""
    LEAVING = "leaving"
    """Of no account any more: the issuer has not revoked it yet. See `leaving`."""


class IntentCause(Enum):
    """What was begun, and has not ended yet."""

    REFRESH = "refresh"
    """It was sent, or was about to be, and no answer has been saved."""
    RESTORE = "restore"
    """It was brought back from a backup; a newer one may have been given since."""
    LOG_OUT = "log_out"
    """The person logged out, and the issuer is to revoke it."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """The refresh token may have been spent already.

    Saved before it is sent, and cleared in the save that brings its successor: where
    an intent is found, the answer may have been lost on the way.

    Attributes:
        since: when, on the wall clock.
        cause: see `IntentCause`.
    """

    since: UnixTime
    cause: IntentCause = IntentCause.REFRESH


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One account's grant.

    Attributes:
        account: whose it is, and how to sign in again.
        version: counts saves from 1; a save is refused where it has moved on.
        state: see `GrantState`.
        refresh_token: None where the issuer gives none.
        access_token: sealed only where there is no refresh token; such a token is
            the grant itself.
        scopes: what was granted, which may be less or more than was asked for.
        subject: the issuer's `sub` for the person (OpenID Connect), or None.
        person: what the issuer calls them, or None; for showing alone.
        granted_at: when the person last signed in, or made the account.
        refresh_expires_at: when the refresh token ends, where the issuer says so.
        intent: while the refresh token may have been spent, else None.
        ended_because: the issuer's words for why it is not LIVE, made safe to show.
        dpop_key: the private key that its tokens are bound to (RFC 9449), as the JSON
            of a JWK; None where they are not bound. No peer ever gets it.
        unattended: how tokens come without a person; None where one has signed in.
    """

    account: Account
    version: int
    state: GrantState = GrantState.LIVE
    refresh_token: Secret | None = None
    access_token: AccessToken | None = None
    scopes: Scopes = frozenset()
    subject: str | None = None
    person: Person | None = None
    granted_at: UnixTime
    refresh_expires_at: UnixTime | None = None
    intent: Intent | None = None
    ended_because: str | None = None
    dpop_key: Secret | None = None
    unattended: Unattended | None = None

    @property
    def is_renewable(self) -> bool:
        """Whether there is anything to get a newer token with."""
        return self.refresh_token is not None or self.unattended is not None

    def signed_out(self) -> "Grant":
        """The next version, without what the sign-in gave; how to sign in is kept."""
        return replace(
            self,
            version=self.version + 1,
            state=GrantState.SIGNED_OUT,
            refresh_token=None,
            access_token=None,
            dpop_key=None,
            scopes=frozenset(),
            intent=None,
            ended_because=None,
        )


def narrowed_resource(account: Account, resource: str | None) -> str | None:
    """What a token is narrowed to beyond what the sign-in is for; None for nothing.

    Raises:
        ResourceNotGrantedError: the sign-in is for another one, and for no other.
    """
    if account.resource is None or resource is None:
        return resource
    if resource != account.resource:
        raise ResourceNotGrantedError(
            account=account.name,
            resource=safe_text(resource),
            granted=safe_text(account.resource),
        )
    return None


def require_live(grant: Grant) -> None:
    """Nothing, where the grant can give tokens.

    Raises:
        LoginRequiredError: it is dead, or was signed out.
        ReauthenticationRequiredError: the issuer wants the person again.
    """
    name = grant.account.name
    match grant.state:
        case GrantState.LIVE:
            return
        case GrantState.REAUTHENTICATE:
            raise ReauthenticationRequiredError(
                account=name, reason=grant.ended_because or "the issuer asks for it"
            )
        case GrantState.SIGNED_OUT | GrantState.LEAVING:
            raise LoginRequiredError(account=name, reason="signed out")
        case GrantState.DEAD:
            raise LoginRequiredError(
                account=name,
                reason=grant.ended_because or "the issuer refused the grant",
            )
