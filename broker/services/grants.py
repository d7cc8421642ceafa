"""The grants: all of them at hand, and the one place that writes them.

What the disk refuses is served from here all the same, see `saving`. Knows no issuer
and no token endpoint.
"""

import asyncio
import logging
from contextlib import suppress

from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    GrantChangedError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState, Intent, IntentCause
from broker.model.leaving import leaving_name
from broker.model.person import Person
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.model.token import Scopes
from broker.services.at_hand import AtHand
from broker.services.interfaces import GrantStore
from broker.services.saving import Saver

log = logging.getLogger(__name__)


class Grants(AtHand):
    """Every grant of the open store, kept at hand so that a read never waits.

    Attributes:
        unsaved: those that are in memory alone.
    """

    def __init__(self, store: GrantStore) -> None:
        super().__init__(store, self._cut_off)
        # The last version of each forgotten grant: a login after a log-out goes on
        # counting, so that a slow refresh of the old grant can never match the new.
        self._forgotten: dict[AccountName, int] = {}
        self._saver = Saver(store)
        self.unsaved = self._saver.unsaved
        self._writing = asyncio.Lock()

    async def close(self) -> tuple[AccountName, ...]:
        """Let go of the store and all that was read; whose newest grant is lost.

        The disk refused those to the end.
        """
        await self.save_again()
        lost = self.unsaved.accounts
        for name in lost:
            log.error("grant.lost account=%s", name)
        self._let_go()
        await self._store.close()
        return lost

    async def save_again(self) -> bool:
        """Try to save what the disk refused; whether all of it is saved now."""
        for name in self.unsaved.accounts:
            async with self._writing:
                await self._saver.save_again(name)
        return not self.unsaved.accounts

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
            await self._stay(grant)
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
                return self.get(name)
            try:
                grant = await self._store.load(name)
            except StoreFailedError as exc:
                # What is at hand was on the disk once.
                log.warning("grant.unread account=%s what=%r", name, exc.what)
                return self.get(name)
            if grant is None:
                self._drop(self.get(name))
                raise UnknownAccountError(account=name)
            self._put(grant)
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

    async def described(self, grant: Grant, person: Person) -> Grant:
        """Save what the issuer calls whoever signed in.

        Raises:
            GrantChangedError: it has moved on since `grant` was read.
        """
        return await self._advance(grant, replace(grant, person=person))

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
            self._put(left)

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
            self._drop(grant)
            self._forgotten[name] = grant.version

    async def leave(self, grant: Grant, leaving: Grant, *, keep_sign_in: bool) -> Grant:
        """End the account's grant here, and keep what is to be revoked of it.

        Args:
            grant: of the account.
            leaving: what is left of it, see `model.leaving`.
            keep_sign_in: keep how to sign in again.

        Returns:
            `leaving` as it was saved: before the account's grant goes, so that a crash
            in between can be seen, and the log-out is ended then.

        Raises:
            GrantChangedError: it has moved on since `grant` was read.
            StoreFailedError: the disk refused; nothing has changed.
        """
        async with self._writing:
            self._require_current(grant)
            leaving = await self._save_leaving(leaving)
        try:
            await (self.signed_out(grant) if keep_sign_in else self.forget(grant))
        except StoreFailedError as exc:
            # Not the whole log-out: the disk has seen the better half of it.
            log.warning("grant.undeleted what=%r", exc.what)
            self._sign_out(grant)
        return leaving

    async def gone(self, leaving: Grant) -> None:
        """Delete what was left after a log-out; it may be gone already.

        Raises:
            StoreFailedError: the disk refused; nothing has changed.
        """
        async with self._writing:
            if leaving in self.leaving():
                name, version = leaving.account.name, leaving.version
                await self._saver.delete(name, replaces=version)
                self._drop(leaving)

    async def _save_leaving(self, leaving: Grant) -> Grant:
        # A disk that failed after the save of an earlier try has it already.
        there = await self._store.load(leaving.account.name)
        if there is not None:
            leaving = replace(leaving, version=there.version + 1)
        replaces = None if there is None else there.version
        await self._saver.save_now(leaving, replaces=replaces)
        self._put(leaving)
        return leaving

    def _cut_off(self, left: Grant) -> None:
        # None: a deletion can fail after the commit.
        before = frozenset({left.version - 1, None})
        self.unsaved.add(left, before, "a log-out was cut off")

    async def _stay(self, grant: Grant) -> None:
        """Revoke nothing that a login has given once more: there are issuers that give
        a person the same token for ever.
        """
        for leaving in self.leaving():
            name = leaving.account.name
            if name == leaving_name(grant):
                self._drop(leaving)
                with suppress(StoreFailedError):
                    await self._saver.delete(name, replaces=leaving.version)

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
        self._put(grant)

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
