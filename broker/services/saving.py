"""Saves grants, and keeps what the disk refuses until it takes it.

A refresh token that an issuer has given is never thrown away. Knows no issuer, and not
which grant is right: whoever saves one says so.
"""

import logging

from broker.model.account import AccountName
from broker.model.errors import GrantChangedError, StoreFailedError
from broker.model.grant import Grant
from broker.services.interfaces import GrantStore
from broker.services.unsaved import Refused, Unsaved

log = logging.getLogger(__name__)


class Saver:
    """Writes grants. Its methods are called one at a time.

    Attributes:
        unsaved: what the disk has refused.
    """

    def __init__(self, store: GrantStore) -> None:
        self.unsaved = Unsaved()
        self._store = store

    async def save(self, grant: Grant, *, replaces: int | None) -> None:
        """Make it durable, or keep it where the disk refuses.

        Args:
            grant: with its new version.
            replaces: the version before it, or None for no grant.

        Raises:
            GrantChangedError: the store has another version; nothing is kept.
        """
        before = self.unsaved.find(grant.account.name)
        if before is not None:
            await self._try(Refused(grant=grant, instead_of=before.instead_of))
            return
        try:
            await self._store.save(grant, replaces=replaces)
        except StoreFailedError as exc:
            self._refuse(grant, frozenset({replaces}), exc.what)

    async def save_again(self, name: AccountName) -> bool:
        """Try to save what the disk refused; whether nothing of it is unsaved now."""
        refused = self.unsaved.find(name)
        return refused is None or await self._try(refused)

    async def save_now(self, grant: Grant, *, replaces: int | None) -> None:
        """Make it durable.

        Raises:
            StoreFailedError: the disk refused; nothing has changed.
            GrantChangedError: the store has another version.
        """
        name = grant.account.name
        await self._store.save(grant, replaces=await self._there(name, replaces))
        self.unsaved.remove(name)

    async def delete(self, name: AccountName, *, replaces: int) -> None:
        """Forget it; the same errors as `save_now`."""
        there = await self._there(name, replaces)
        if there is not None:
            await self._store.delete(name, replaces=there)
        self.unsaved.remove(name)

    async def _try(self, refused: Refused) -> bool:
        grant = refused.grant
        name = grant.account.name
        try:
            await self._save_over(refused, await self._store.load(name))
        except StoreFailedError as exc:
            self._refuse(grant, refused.instead_of, exc.what)
            return False
        except GrantChangedError as exc:
            self._refuse(grant, refused.instead_of, exc.code)
            return False
        self.unsaved.remove(name)
        return True

    async def _save_over(self, refused: Refused, there: Grant | None) -> None:
        if there == refused.grant:
            return
        replaces = None if there is None else there.version
        if replaces not in refused.instead_of:
            raise GrantChangedError(account=refused.grant.account.name)
        await self._store.save(refused.grant, replaces=replaces)

    def _refuse(
        self, grant: Grant, instead_of: frozenset[int | None], why: str
    ) -> None:
        log.warning("grant.unsaved account=%s what=%r", grant.account.name, why)
        # It may have been saved after all.
        self.unsaved.add(grant, instead_of | {grant.version}, why)

    async def _there(self, name: AccountName, version: int | None) -> int | None:
        """The version that the store has, where `version` is at hand."""
        if name not in self.unsaved:
            return version
        stored = await self._store.load(name)
        return None if stored is None else stored.version
