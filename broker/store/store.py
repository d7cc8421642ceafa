"""Grants and settings in one sealed file: `SealedStore` satisfies `GrantStore`.

A record that does not open costs its account alone: it is left out, counted, and put
aside when the account signs in again.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from broker.model.account import AccountName
from broker.model.errors import GrantChangedError
from broker.model.grant import Grant
from broker.model.store import Health
from broker.store.anchors import Anchors
from broker.store.connection import page_fault
from broker.store.contents import Contents, read_contents
from broker.store.database import Database
from broker.store.head import Found
from broker.store.keys.source import KeySource
from broker.store.listing import GRANT, Listing
from broker.store.records import setting_record
from broker.store.sealer import Sealer
from broker.store.sealing import DataKeys
from broker.store.slots import Slots
from broker.store.transactions import SETTING, Transactions, encoded


class SealedStore:
    """The open store.

    Attributes:
        slots: the ways to its keys.
        opened_by: the number of the one that was taken, or None where the kernel had
            kept the keys, or that one is gone.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        found: Found,
        opened_by: int | None,
        anchors: Anchors,
    ) -> None:
        self.slots = Slots(database, sealer, self._advanced, self._note_soon)
        self.opened_by = opened_by
        self._found = found.generation
        self._is_altered = found.is_altered
        self._listing: Listing | None = None
        self._generation = found.generation
        self._anchors = anchors
        self._database = database
        self._sealer = sealer
        self._records = Transactions(sealer)
        self._closing: list[Callable[[], None]] = []

    @property
    def health(self) -> Health:
        """How it was found, and what has been met since.

        What was listed is looked through to its end first: nothing less could be told
        of all of it. With ten thousand accounts that takes a quarter of a second.
        """
        if self._listing is not None:
            self._listing.finish()
            self._is_altered |= self._listing.is_altered
        return Health(
            generation=self._generation,
            remembered=self._anchors.remembered,
            # As it was found: the writes since then do not make it the newer one.
            is_old_copy=self._found < (self._anchors.remembered or 0),
            is_altered=self._is_altered,
            damaged=len(self._records.damaged),
            opened_by=self.opened_by,
        )

    async def rotate_data_key(self, sources: Sequence[KeySource]) -> None:
        """See `Slots.rotate_data_key`. What was told of the store is settled by it."""
        above = self._anchors.remembered or 0
        # What is sealed with the old key could not be opened any more.
        if self._listing is not None:
            self._listing.finish()
        await self.slots.rotate_data_key(sources, above=above)
        self._listing, self._is_altered = None, False
        self._found = self._generation
        self._records.damaged.clear()

    @property
    def keys(self) -> DataKeys:
        """What every slot gives."""
        return self._sealer.keys

    @property
    def store_id(self) -> bytes:
        """Another for each store: 16 bytes, no secret."""
        return self._sealer.store_id

    def on_close(self, told: Callable[[], None]) -> None:
        """Call `told` when the store has been closed."""
        self._closing.append(told)

    async def list(self) -> Listing:
        """Every grant that opens; see `GrantStore.list`.

        Raises:
            StoreFailedError: the disk refused.
            StoreCorruptError: the file is damaged.
        """
        with self._database.damage_told():
            self._listing = await self._database.read(self._records.listed)
        return self._listing

    async def load(self, name: AccountName) -> Grant | None:
        """One grant, or None where there is none, or none that opens.

        Raises:
            StoreFailedError: the disk refused.
        """
        return await self._database.read(partial(self._records.read_grant, name))

    async def save(self, grant: Grant, *, replaces: int | None) -> None:
        """Make `grant` durable; see `GrantStore.save`.

        Where `replaces` is None and a record is there that does not open, that record
        is put aside.
        """
        name = grant.account.name
        row_id = self._sealer.row_id(GRANT, name)
        if not await self._write(
            partial(self._records.put_grant, row_id, grant, replaces),
            matters=replaces is None,
        ):
            raise GrantChangedError(account=name)
        self._settled(row_id)

    async def delete(self, name: AccountName, *, replaces: int) -> None:
        """Forget a grant; see `GrantStore.delete`."""
        row_id = self._sealer.row_id(GRANT, name)
        if not await self._write(
            partial(self._records.delete_grant, row_id, replaces), matters=True
        ):
            raise GrantChangedError(account=name)
        self._settled(row_id)
        # The person asked to have it forgotten, and the log still holds it.
        await self._database.wipe_log()

    async def load_setting(self, key: str) -> str | None:
        """A setting, or None where there is none.

        Raises:
            SettingDamagedError: there is one, and it does not open.
            StoreFailedError: the disk refused.
            StoreCorruptError: the file is damaged.
        """
        with self._database.damage_told():
            return await self._database.read(partial(self._records.read_setting, key))

    async def save_setting(self, key: str, value: str | None) -> None:
        """Set it, or forget it with None; see `GrantStore.save_setting`."""
        record = None if value is None else encoded(partial(setting_record, value))
        row_id = self._sealer.row_id(SETTING, key)
        await self._write(partial(self._records.put_setting, row_id, record))
        self._records.damaged.discard(row_id)

    async def contents(self, newest: Sequence[Grant] = ()) -> Contents:
        """Every record that opens, for a backup; see `Contents.with_newest`."""
        found = await self._database.read(partial(read_contents, sealer=self._sealer))
        return encoded(partial(found.with_newest, newest, self._sealer))

    async def check(self) -> str | None:
        """What is wrong with the pages of the file, or None; reads all of it."""
        return await self._database.read(page_fault)

    async def close(self) -> None:
        """Finish what is under way and let go of file and keys. Idempotent."""
        try:
            if not self._database.is_closed:
                await self._anchors.close(self._generation)
        finally:  # cancelled, too: an open file lets nobody else open it
            await self._database.close()
            self._sealer.drop()
            self._listing = None
            while self._closing:
                self._closing.pop()()

    def _settled(self, row_id: bytes) -> None:
        self._records.damaged.discard(row_id)
        if self._listing is not None:
            self._listing.pass_over(row_id)

    async def _write(
        self, work: Callable[[sqlite3.Connection], int | None], *, matters: bool = False
    ) -> bool:
        """Whether `work` was done: it gives the new generation, or else None."""
        if await self._database.write(work, self._done) is None:
            return False
        self._note_soon(matters=matters)
        return True

    def _note_soon(self, *, matters: bool = True) -> None:
        self._anchors.passed(self._generation, matters=matters)

    def _done(self, generation: int | None) -> None:
        # Not before: a generation that no file has would feign an old copy.
        if generation is not None:
            self._advanced(generation)

    def _advanced(self, generation: int) -> None:
        self._generation = generation
