"""Accounts as a whole: log-out (RFC 7009) and the default. Knows no login."""

import logging
from dataclasses import dataclass

from broker.model.account import AccountName
from broker.model.errors import (
    IssuerMalformedError,
    IssuerUnreachableError,
    NotRevokedError,
    UnknownAccountError,
)
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.store import VaultState
from broker.oauth.revocation import is_revoked, revocation_request
from broker.services.events import Events
from broker.services.interfaces import Clock, HttpSender
from broker.services.opened import Opened
from broker.services.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOut:
    """What a log-out did.

    Attributes:
        account: whose it was.
        revoked: whether the issuer has revoked the grant.
        left: what is left and where, a sentence each, for people.
    """

    account: AccountName
    revoked: bool
    left: tuple[str, ...]


class Accounts:
    """Ends accounts, and says which is meant."""

    def __init__(
        self, *, vault: Vault, sender: HttpSender, clock: Clock, events: Events
    ) -> None:
        self._vault = vault
        self._sender = sender
        self._clock = clock
        self._events = events

    async def log_out(
        self, name: AccountName, *, local_only: bool, keep_sign_in: bool
    ) -> LogOut:
        """Revoke, then forget; where the issuer cannot be asked, nothing changes.

        Args:
            name: the account.
            local_only: forget without asking the issuer.
            keep_sign_in: keep issuer, client and scopes for the next login.

        Raises:
            UnknownAccountError: there is none.
            NotRevokedError: the issuer could not be asked, or refused.
        """
        self._vault.require_serving()
        if self._vault.find(name) is None:
            raise UnknownAccountError(account=name)
        # A lock in between would leave a grant that is revoked already.
        async with self._vault.held_open() as opened:
            grant, revoked = await self._ended(
                opened, name, local_only=local_only, keep_sign_in=keep_sign_in
            )
        log.info("account.logged_out account=%s revoked=%s", name, revoked)
        self._events.publish(
            Event(
                kind=EventKind.SIGNED_OUT,
                at=self._clock.now().wall,
                account=name,
                issuer=grant.account.issuer.url,
            )
        )
        left = _left(grant, revoked=revoked, keep_sign_in=keep_sign_in)
        return LogOut(account=name, revoked=revoked, left=left)

    async def _ended(
        self, opened: Opened, name: AccountName, *, local_only: bool, keep_sign_in: bool
    ) -> tuple[Grant, bool]:
        """The grant as it was, and whether the issuer has revoked it."""
        # In turn: a refresh under way would hand out a token of a grant that is gone.
        async with opened.tokens.turn(name):
            grant = await opened.grants.reload(name)
            revoked = False if local_only else await self._revoke(grant)
            if keep_sign_in:
                await opened.grants.signed_out(grant)
            else:
                await opened.grants.forget(grant)
            opened.tokens.forget(name)
        return grant, revoked

    async def set_default(self, name: AccountName | None) -> None:
        """Choose the account that is meant where none is named.

        Raises:
            UnknownAccountError: there is none of this name.
        """
        if name is not None and self._vault.find(name) is None:
            raise UnknownAccountError(account=name)
        if self._vault.state is not VaultState.NONE:
            await self._vault.require_open().grants.set_default(name)

    async def _revoke(self, grant: Grant) -> bool:
        access = grant.access_token.value if grant.access_token else None
        token = grant.refresh_token or access
        if token is None:
            return False
        request = revocation_request(
            issuer=grant.account.issuer,
            client=grant.account.client,
            token=token,
            hint="access_token" if grant.refresh_token is None else "refresh_token",
        )
        if request is None:
            return False
        account = grant.account
        try:
            response = await self._sender.send(request)
        except (IssuerUnreachableError, IssuerMalformedError) as exc:
            raise NotRevokedError(
                account=account.name, issuer=account.issuer.url, what=exc.what
            ) from exc
        # Forgotten now, it could never be revoked from here again (RFC 7009 section
        # 2.2.1: after a 503, too, the token must be taken to be alive).
        if not is_revoked(response):
            raise NotRevokedError(
                account=account.name,
                issuer=account.issuer.url,
                what=f"HTTP status {response.status}",
            )
        return True


def _left(grant: Grant, *, revoked: bool, keep_sign_in: bool) -> tuple[str, ...]:
    left = []
    issuer = grant.account.issuer.url
    if not revoked and (grant.refresh_token or grant.access_token):
        left.append(
            f"the grant still stands at {issuer}: end it there, "
            "on the page where your account lists its applications"
        )
    if keep_sign_in:
        left.append("the sign-in (issuer, client, scopes) is kept for the next login")
    return tuple(left)
