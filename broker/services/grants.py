"""The grants: all of them at hand, and the one place that writes them.

What the disk refuses is served from here all the same, see `saving`. Knows no issuer
and no token endpoint.
"""

import asyncio
import itertools
import logging
from dataclasses import replace

from broker.model.account import AccountName
from broker.model.errors import (
    AccountNeededError,
    GrantChangedError,
    NoAccountsError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState, Intent, IntentCause
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.model.token import Scopes
from broker.services.interfaces import GrantStore, Listing
from broker.services.saving import Saver

log = logging.getLogger(__name__)

_DEFAULT_ACCOUNT = "default_account"


class Grants:
    """Every grant of the open store, kept at hand so that a read never waits.

    Attributes:
        unsaved: those that are in memory alone.
    """

    _listing: Listing | None = None

    def __init__(self, store: GrantStore) -> None:
        self._store = store
        self._grants: dict[AccountName, Grant] = {}
        self._lately_read: list[Grant] = []
        # The last version of each forgotten grant: a login after a log-out goes on
        # counting, so that a slow refresh of the old grant can never match the new.
        self._forgotten: dict[AccountName, int] = {}
        self._saver = Saver(store)
        self.unsaved = self._saver.unsaved
        self._default: AccountName | None = None
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """See what is in the store. Each grant is read when it is asked for first."""
        self._listing = await self._store.list()
        default = await self._store.load_setting(_DEFAULT_ACCOUNT)
        self._default = None if default is None else AccountName(default)

    def read_on(self, most: int) -> list[Grant]:
        """Up to `most` more, and what was asked for since the last call.

        Each as it was found, and once; none when all have been read.
        """
        for grant in itertools.islice(self._listing or (), most):
            self._read(grant)
        lately, self._lately_read = self._lately_read, []
        return lately

    async def close(self) -> tuple[AccountName, ...]:
        """Let go of the store and all that was read; whose newest grant is lost.

        The disk refused those to the end.
        """
        await self.save_again()
        lost = self.unsaved.accounts
        for name in lost:
            log.error("grant.lost account=%s", name)
        self._grants, self._listing, self._lately_read = {}, None, []
        await self._store.close()
        return lost

    async def save_again(self) -> bool:
        """Try to save what the disk refused; whether all of it is saved now."""
        for name in self.unsaved.accounts:
            async with self._writing:
                await self._saver.save_again(name)
        return not self.unsaved.accounts

    def all(self) -> list[Grant]:
        """In the order of their names; reads those that are not read yet."""
        for grant in self._listing or ():
            self._read(grant)
        return [self._grants[name] for name in sorted(self._grants)]

    def find(self, name: AccountName) -> Grant | None:
        """The grant of this account as it was last saved, or None."""
        grant = self._grants.get(name)
        if grant is None and self._listing is not None:
            grant = self._listing.take(name)
            if grant is not None:
                self._read(grant)
        return grant

    def get(self, name: AccountName) -> Grant:
        """The grant of this account.

        Raises:
            UnknownAccountError: there is none.
        """
        grant = self.find(name)
        if grant is None:
            raise UnknownAccountError(account=name)
        return grant

    @property
    def default(self) -> AccountName | None:
        """The account that is meant where none is named, if it was chosen."""
        name = self._default
        return None if name is None or self.find(name) is None else name

    def named_or_default(self, name: AccountName | None) -> AccountName:
        """Which account is meant.

        Raises:
            UnknownAccountError: no account has this name.
            NoAccountsError: none was named, and there is none.
            AccountNeededError: none was named, and it is not clear which is meant.
        """
        if name is not None:
            return self.get(name).account.name
        if self.default is not None:
            return self.default
        match tuple(grant.account.name for grant in self.all()):
            case ():
                raise NoAccountsError
            case (only,):
                return only
            case names:
                raise AccountNeededError(accounts=names)

    async def set_default(self, name: AccountName | None) -> None:
        """Choose the account that is meant where none is named."""
        if name is not None:
            self.get(name)
        await self._store.save_setting(_DEFAULT_ACCOUNT, name)
        self._default = name

    async def signed_in(self, grant: Grant) -> Grant:
        """Save what a login gave, over whatever the account had before.

        Returns:
            The grant with the version it has now; kept at hand where the disk
            refuses, since the code is spent.
        """
        name = grant.account.name
        async with self._writing:
            at_hand = self.find(name)
            stored = await self._stored(name)
            versions = [g.version for g in (stored, at_hand) if g is not None]
            newest = max([*versions, self._forgotten.get(name, 0)])
            saved = replace(grant, version=newest + 1)
            replaces = None if stored is None else stored.version
            await self._save(saved, replaces=replaces)
            self._forgotten.pop(name, None)
        return saved

    async def reload(self, name: AccountName) -> Grant:
        """The grant as the store has it, which may be newer than what was at hand.

        Raises:
            UnknownAccountError: it was forgotten.
        """
        self.find(name)  # now: else what was listed could come after what is read here
        async with self._writing:
            if not await self._saver.save_again(name):
                return self._grants[name]
            try:
                grant = await self._store.load(name)
            except StoreFailedError as exc:
                # What is at hand was on the disk once.
                log.warning("grant.unread account=%s what=%r", name, exc.what)
                return self.get(name)
            if grant is None:
                self._grants.pop(name, None)
                raise UnknownAccountError(account=name)
            self._grants[name] = grant
        return grant

    async def intend(self, grant: Grant, intent: Intent) -> Grant:
        """Record that the refresh token is about to be spent, where nothing is yet.

        Raises:
            GrantChangedError: a login was faster.
        """
        if grant.intent is not None:
            return grant
        return await self._advance(grant, replace(grant, intent=intent))

    async def put_back(self, at: UnixTime) -> None:
        """Record that every grant was put back from an older copy of the store.

        Also where a refresh was under way when the copy was made: to try it at once, so
        much later, could have the issuer end what has come of it since.
        """
        intent = Intent(since=at, cause=IntentCause.RESTORE)
        for grant in self.all():
            if grant.refresh_token is None or grant.state is not GrantState.LIVE:
                continue
            if grant.intent is None or grant.intent.cause is IntentCause.REFRESH:
                await self._advance(grant, replace(grant, intent=intent))

    async def not_spent(self, grant: Grant) -> Grant:
        """Record that it was not, after all.

        Raises:
            GrantChangedError: a login was faster.
        """
        return await self._advance(grant, replace(grant, intent=None))

    async def renewed(
        self, grant: Grant, *, refresh_token: Secret | None, scopes: Scopes
    ) -> Grant:
        """Save what a refresh gave, and that its outcome is known, in one.

        Args:
            grant: as it was when the refresh began.
            refresh_token: the new one, or None where the old stays (RFC 6749
                section 6).
            scopes: of the grant as a whole.

        Raises:
            GrantChangedError: a login was faster; what the refresh gave is void.
        """
        token = grant.refresh_token if refresh_token is None else refresh_token
        renewed = replace(grant, refresh_token=token, scopes=scopes, intent=None)
        return await self._advance(grant, renewed)

    async def ended(self, grant: Grant, state: GrantState, because: str) -> Grant:
        """Record that the issuer no longer honours the grant. Nothing is deleted.

        Raises:
            GrantChangedError: a login was faster; the new grant is not touched.
        """
        ended = replace(grant, state=state, ended_because=because, intent=None)
        return await self._advance(grant, ended)

    async def signed_out(self, grant: Grant) -> None:
        """Forget what the sign-in gave, and keep how to sign in again.

        Raises:
            GrantChangedError: it has moved on since `grant` was read.
            StoreFailedError: the disk refused; nothing has changed.
        """
        left = grant.signed_out()
        async with self._writing:
            self._require_current(grant)
            await self._saver.save_now(left, replaces=grant.version)
            self._grants[grant.account.name] = left

    async def forget(self, grant: Grant) -> None:
        """Delete grant, account and client.

        Raises:
            GrantChangedError: it has moved on since `grant` was read.
            StoreFailedError: the disk refused; nothing has changed.
        """
        name = grant.account.name
        async with self._writing:
            self._require_current(grant)
            await self._saver.delete(name, replaces=grant.version)
            self._grants.pop(name, None)
            self._forgotten[name] = grant.version

    def _read(self, grant: Grant) -> None:
        self._grants[grant.account.name] = grant
        self._lately_read.append(grant)

    async def _advance(self, before: Grant, after: Grant) -> Grant:
        async with self._writing:
            self._require_current(before)
            if after == before:
                return before
            saved = replace(after, version=before.version + 1)
            await self._save(saved, replaces=before.version)
        return saved

    async def _save(self, grant: Grant, *, replaces: int | None) -> None:
        await self._saver.save(grant, replaces=replaces)
        self._grants[grant.account.name] = grant

    async def _stored(self, name: AccountName) -> Grant | None:
        """What the store has of an account; what is at hand, if it cannot be read."""
        try:
            return await self._store.load(name)
        except StoreFailedError:
            return self.find(name)

    def _require_current(self, grant: Grant) -> None:
        at_hand = self.find(grant.account.name)
        if at_hand is None or at_hand.version != grant.version:
            raise GrantChangedError(account=grant.account.name)
