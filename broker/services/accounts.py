"""Accounts as a whole: log-out (RFC 7009) and the default. Knows no login."""

import logging
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from broker.model.account import Account, AccountName
from broker.model.errors import BadRequestError, NotRevokedError, UnknownAccountError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.leaving import leaving, leaving_name
from broker.model.log_out import LogOutOptions
from broker.model.store import VaultState
from broker.model.time import UnixTime
from broker.model.token import AccessToken
from broker.oauth.end_session import end_session_url
from broker.oauth.revocation import Revocation, RevocationAnswer
from broker.services.events import Events
from broker.services.interfaces import Clock
from broker.services.opened import Opened
from broker.services.revoker import Ending, can_end
from broker.services.vault import Vault

log = logging.getLogger(__name__)


class LogOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a log-out did.

    Attributes:
        account: whose it was.
        revoked: whether the issuer has revoked the grant.
        pending: whether it is asked again until it has.
        left: what is left and where, a sentence each, for people.
        end_session_url: where a browser ends the session at the issuer, or None.
    """

    account: AccountName
    revoked: bool
    left: tuple[str, ...]
    pending: bool = False
    end_session_url: str | None = None


class Accounts:
    """Ends accounts, and says which is meant."""

    def __init__(
        self,
        *,
        vault: Vault,
        clock: Clock,
        events: Events,
        gone: Callable[[Account], None],
    ) -> None:
        """Take what a log-out needs.

        Args:
            vault: where the accounts are.
            clock: time.
            events: where a log-out is told.
            gone: is told of an account whose sign-in is not kept.
        """
        self._vault = vault
        self._gone = gone
        self._clock = clock
        self._events = events

    async def log_out(self, name: AccountName, options: LogOutOptions) -> LogOut:
        """End an account here at once, and at its issuer as soon as that can be.

        Raises:
            UnknownAccountError: there is none.
            BadRequestError: the sign-in is to be kept, and there was none.
            NotRevokedError: revocation is required, and the issuer could not be asked,
                or refused.
            StoreFailedError: the disk refused; nothing has changed here.
        """
        self._vault.require_serving()
        if self._vault.find(name) is None:
            raise UnknownAccountError(account=name)
        # A lock in between would leave a grant that is revoked already.
        async with self._vault.held_open() as opened:
            out = _LogOut(opened, options)
            # In turn: a refresh under way would hand out a token of a grant that is
            # gone.
            async with opened.tokens.turn(name):
                grant = await opened.grants.reload(name)
                _require_kept(grant, options)
                await out.end_here(grant, self._clock.now().wall)
            if not options.keep_sign_in:
                self._gone(grant.account)
            log.info("account.signed_out account=%s", name)
            self._tell(grant)
            ending = await out.end_there(grant)
        told = _told(grant, options, ending)
        if not out.outlived:
            return told
        what = (
            f"{grant.account.issuer.url} did not end its tokens: they live to their end"
        )
        return replace(told, left=(*told.left, what))

    def _tell(self, grant: Grant) -> None:
        self._events.publish(
            Event(
                kind=EventKind.SIGNED_OUT,
                at=self._clock.now().wall,
                account=grant.account.name,
                issuer=grant.account.issuer.url,
            )
        )

    async def set_default(self, name: AccountName | None) -> None:
        """Choose the account that is meant where none is named.

        Raises:
            UnknownAccountError: there is none of this name.
        """
        if name is not None and self._vault.find(name) is None:
            raise UnknownAccountError(account=name)
        if self._vault.state is not VaultState.NONE:
            await self._vault.require_open().grants.set_default(name)


class _LogOut:
    """One log-out: here, then there; the other way round where that is required.

    Attributes:
        outlived: whether tokens that nobody signed in for live to their end.
    """

    def __init__(self, opened: Opened, options: LogOutOptions) -> None:
        self._opened = opened
        self._options = options
        self._tokens: RevocationAnswer | None = None
        self._leaving: Grant | None = None
        self._living = list[AccessToken]()
        self.outlived = False

    async def end_here(self, grant: Grant, at: UnixTime) -> None:
        """Let the account give no token any more."""
        options, grants = self._options, self._opened.grants
        rest = grant
        if options.require_revoked:
            self._tokens = await self._required(grant)
            rest = replace(grant, refresh_token=None, access_token=None)
        if can_end(rest) and not options.local_only:
            self._leaving = await grants.leave(
                grant, leaving(rest, at), keep_sign_in=options.keep_sign_in
            )
        elif options.keep_sign_in:
            await grants.signed_out(grant)
        else:
            await grants.forget(grant)
        self._living = self._opened.tokens.forget(grant.account.name)

    async def end_there(self, grant: Grant) -> Ending | None:
        """Let the issuer end it; None where it was not to be asked."""
        ending = None
        if self._leaving is not None:
            ending = await self._opened.leaver.get().try_now(
                self._leaving, self._living
            )
        elif self._tokens is not None or self._is_unattended_there(grant):
            are_ended = await self._opened.leaver.get().revoker.end_access_tokens(
                grant, self._living
            )
            self.outlived = self._is_unattended_there(grant) and not are_ended
        if self._tokens is None:
            return ending
        rest = self._tokens if ending is None else ending.rest
        return Ending(tokens=self._tokens, rest=rest)

    def _is_unattended_there(self, grant: Grant) -> bool:
        """Whether there are only access tokens to be ended at the issuer."""
        return grant.unattended is not None and not self._options.local_only

    async def _required(self, grant: Grant) -> RevocationAnswer:
        answer = await self._opened.leaver.get().revoker.revoke(grant)
        if answer.outcome is not Revocation.ENDED:
            raise NotRevokedError(
                account=grant.account.name,
                issuer=grant.account.issuer.url,
                what=answer.what,
            )
        return answer


def _require_kept(grant: Grant, options: LogOutOptions) -> None:
    """Nothing, where the sign-in can be kept, or need not be.

    Raises:
        BadRequestError: there was none.
    """
    if options.keep_sign_in and grant.unattended is not None:
        what = "nobody has signed in, so there is no sign-in to keep"
        raise BadRequestError(what=what)


def _told(grant: Grant, options: LogOutOptions, ending: Ending | None) -> LogOut:
    is_revoked = ending is not None and ending.tokens.outcome is Revocation.ENDED
    return LogOut(
        account=grant.account.name,
        revoked=is_revoked and leaving_name(grant) is not None,
        pending=ending is not None and ending.rest.outcome is Revocation.OPEN,
        left=tuple(_left(grant, options, ending)),
        # Nobody has a session in a browser who has not signed in.
        end_session_url=None
        if grant.unattended is not None
        else end_session_url(grant.account.issuer, grant.account.client),
    )


def _left(grant: Grant, options: LogOutOptions, ending: Ending | None) -> Iterator[str]:
    issuer = grant.account.issuer.url
    is_revoked = ending is not None and ending.tokens.outcome is Revocation.ENDED
    if ending is not None and ending.rest.outcome is Revocation.OPEN:
        what = "the client that was registered" if is_revoked else "the grant"
        yield (
            f"{what} still stands at {issuer} ({ending.rest.what}): it ends as soon as "
            "that can be done, `brokerctl pending` lists it"
        )
    elif not is_revoked and leaving_name(grant) is not None:
        yield (
            f"the grant still stands at {issuer}: end it there, "
            "on the page where your account lists its applications"
        )
    if options.keep_sign_in:
        yield "the sign-in (issuer, client, scopes) is kept for the next login"
