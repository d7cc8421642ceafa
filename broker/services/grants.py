"""The grants: all of them at hand, and the one place that writes them.

Knows no issuer and no token endpoint.
"""

import asyncio
import logging
from dataclasses import replace

from broker.model.account import AccountName
from broker.model.errors import (
    AccountNeededError,
    GrantChangedError,
    LoginRequiredError,
    NoAccountsError,
    ReauthenticationRequiredError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.secret import Secret
from broker.model.token import Scopes
from broker.services.interfaces import GrantStore

log = logging.getLogger(__name__)

_DEFAULT_ACCOUNT = "default_account"


class Grants:
    """Every grant of the open store, kept at hand so that a read never waits."""

    def __init__(self, store: GrantStore) -> None:
        self._store = store
        self._grants: dict[AccountName, Grant] = {}
        # The last version of each forgotten grant: a login after a log-out goes on
        # counting, so that a slow refresh of the old grant can never match the new.
        self._forgotten: dict[AccountName, int] = {}
        # Renewals that the disk refused, with the version that the store still has.
        self._unsaved: dict[AccountName, int] = {}
        self._default: AccountName | None = None
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read the whole store."""
        self._grants = {g.account.name: g for g in await self._store.list()}
        default = await self._store.load_setting(_DEFAULT_ACCOUNT)
        self._default = None if default is None else AccountName(default)

    async def close(self) -> None:
        """Let go of the store and of all that was read from it."""
        async with self._writing:
            for name in list(self._unsaved):
                await self._try_to_save(name)
        self._grants = {}
        await self._store.close()

    def all(self) -> list[Grant]:
        """In the order of their names."""
        return [self._grants[name] for name in sorted(self._grants)]

    def find(self, name: AccountName) -> Grant | None:
        """The grant of this account as it was last saved, or None."""
        return self._grants.get(name)

    def get(self, name: AccountName) -> Grant:
        """The grant of this account.

        Raises:
            UnknownAccountError: there is none.
        """
        grant = self._grants.get(name)
        if grant is None:
            raise UnknownAccountError(account=name)
        return grant

    @property
    def default(self) -> AccountName | None:
        """The account that is meant where none is named, if it was chosen."""
        return self._default if self._default in self._grants else None

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
        if len(self._grants) == 1:
            return next(iter(self._grants))
        if not self._grants:
            raise NoAccountsError
        raise AccountNeededError(accounts=tuple(sorted(self._grants)))

    async def set_default(self, name: AccountName | None) -> None:
        """Choose the account that is meant where none is named."""
        if name is not None:
            self.get(name)
        await self._store.save_setting(_DEFAULT_ACCOUNT, name)
        self._default = name

    async def signed_in(self, grant: Grant) -> Grant:
        """Save what a login gave, over whatever the account had before.

        Returns:
            The grant with the version it has now.

        Raises:
            StoreFailedError: the disk refused; what there was still stands.
        """
        name = grant.account.name
        async with self._writing:
            stored = await self._store.load(name)
            at_hand = self._grants.get(name)
            versions = [g.version for g in (stored, at_hand) if g is not None]
            newest = max([*versions, self._forgotten.get(name, 0)])
            saved = replace(grant, version=newest + 1)
            await self._store.save(saved, replaces=stored.version if stored else None)
            self._grants[name] = saved
            self._unsaved.pop(name, None)
            self._forgotten.pop(name, None)
        return saved

    async def reload(self, name: AccountName) -> Grant:
        """The grant as the store has it, which may be newer than what was at hand.

        Raises:
            UnknownAccountError: it was forgotten.
            StoreFailedError: a renewal that could not be saved before still cannot.
        """
        async with self._writing:
            await self._save_again(name)
            grant = await self._store.load(name)
            if grant is None:
                self._grants.pop(name, None)
                raise UnknownAccountError(account=name)
            self._grants[name] = grant
        return grant

    async def renewed(
        self, grant: Grant, *, refresh_token: Secret | None, scopes: Scopes
    ) -> Grant:
        """Save what a refresh gave; nothing is written where nothing changed.

        Args:
            grant: as it was when the refresh began.
            refresh_token: the new one, or None where the old stays (RFC 6749
                section 6).
            scopes: of the grant as a whole.

        Raises:
            GrantChangedError: a login was faster; what the refresh gave is void.
            StoreFailedError: the disk refused. The new refresh token is kept at hand
                and saved before the grant is used again: the old one is retired.
        """
        name = grant.account.name
        token = grant.refresh_token if refresh_token is None else refresh_token
        renewed = replace(grant, refresh_token=token, scopes=scopes)
        async with self._writing:
            self._require_current(grant)
            if renewed == grant:
                return grant
            saved = replace(renewed, version=grant.version + 1)
            try:
                await self._store.save(saved, replaces=grant.version)
            except StoreFailedError:
                self._unsaved[name] = grant.version
                self._grants[name] = saved
                raise
            self._grants[name] = saved
        return saved

    async def ended(self, grant: Grant, state: GrantState, because: str) -> Grant:
        """Record that the issuer no longer honours the grant. Nothing is deleted.

        Raises:
            GrantChangedError: a login was faster; the new grant is not touched.
        """
        return await self._advance(
            grant, replace(grant, state=state, ended_because=because)
        )

    async def signed_out(self, grant: Grant) -> None:
        """Forget what the sign-in gave, and keep how to sign in again."""
        await self._advance(
            grant,
            replace(
                grant,
                state=GrantState.SIGNED_OUT,
                refresh_token=None,
                access_token=None,
                scopes=frozenset(),
                ended_because=None,
            ),
        )

    async def forget(self, grant: Grant) -> None:
        """Delete grant, account and client.

        Raises:
            GrantChangedError: it has moved on since `grant` was read.
        """
        name = grant.account.name
        async with self._writing:
            await self._store.delete(name, replaces=grant.version)
            self._grants.pop(name, None)
            self._forgotten[name] = grant.version

    async def _advance(self, before: Grant, after: Grant) -> Grant:
        name = before.account.name
        async with self._writing:
            self._require_current(before)
            saved = replace(after, version=before.version + 1)
            await self._store.save(saved, replaces=before.version)
            self._grants[name] = saved
        return saved

    async def _save_again(self, name: AccountName) -> None:
        """Save the renewal that a full disk refused, where there is one."""
        replaces = self._unsaved.get(name)
        if replaces is None:
            return
        unsaved = self._grants[name]
        # It may have been saved after all: a disk can fail after the commit.
        if await self._store.load(name) != unsaved:
            await self._store.save(unsaved, replaces=replaces)
        del self._unsaved[name]

    async def _try_to_save(self, name: AccountName) -> None:
        try:
            await self._save_again(name)
        except (StoreFailedError, GrantChangedError) as exc:
            log.warning("grant.lost account=%s code=%s", name, exc.code)

    def _require_current(self, grant: Grant) -> None:
        at_hand = self._grants.get(grant.account.name)
        if at_hand is None or at_hand.version != grant.version:
            raise GrantChangedError(account=grant.account.name)


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
        case GrantState.SIGNED_OUT:
            raise LoginRequiredError(account=name, reason="signed out")
        case GrantState.DEAD:
            raise LoginRequiredError(
                account=name,
                reason=grant.ended_because or "the issuer refused the grant",
            )
