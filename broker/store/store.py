"""Grants and settings in one sealed file: `SealedStore` satisfies `GrantStore`.

A record that does not open costs its account alone: it is left out, counted, and put
aside when the account signs in again.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from broker.model.account import AccountName
from broker.model.errors import GrantChangedError, StoreFailedError
from broker.model.grant import Grant
from broker.model.store import Health
from broker.store.anchors import Anchors
from broker.store.connection import page_fault
from broker.store.contents import Contents, read_contents
from broker.store.database import Database
from broker.store.head import Found, advance, prepare, read_head
from broker.store.keys.source import KeySource
from broker.store.listing import GRANT, Listing
from broker.store.records import (
    RecordError,
    grant_record,
    grant_record_over,
    parse_grant,
    parse_setting,
    setting_record,
)
from broker.store.schema import (
    Kind,
    Presence,
    Row,
    delete_row,
    insert_row,
    presence_of,
    select_all_rows,
    select_row,
    set_aside,
    update_row,
)
from broker.store.sealer import Sealer
from broker.store.sealing import DataKeys, SealBrokenError, SealNewerError
from broker.store.slots import Slots

log = logging.getLogger(__name__)

T = TypeVar("T")

_SETTING: Kind = "setting"


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
        self._damaged: set[bytes] = set()
        self._closing: list[Callable[[], None]] = []

    @property
    def health(self) -> Health:
        """How it was found, and what has been met since.

        What was listed is looked through to its end first, with ten thousand accounts
        for a tenth of a second: nothing less could be told of all of it.
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
            damaged=len(self._damaged),
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
        self._damaged.clear()

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
            self._listing = await self._database.read(self._listed)
        return self._listing

    async def load(self, name: AccountName) -> Grant | None:
        """One grant, or None where there is none, or none that opens.

        Raises:
            StoreFailedError: the disk refused.
        """
        return await self._database.read(partial(self._read_grant, name))

    async def save(self, grant: Grant, *, replaces: int | None) -> None:
        """Make `grant` durable; see `GrantStore.save`.

        Where `replaces` is None and a record is there that does not open, that record
        is put aside.
        """
        name = grant.account.name
        row_id = self._sealer.row_id(GRANT, name)
        if not await self._write(
            partial(self._put_grant, row_id, grant, replaces), matters=replaces is None
        ):
            raise GrantChangedError(account=name)
        self._settled(row_id)

    async def delete(self, name: AccountName, *, replaces: int) -> None:
        """Forget a grant; see `GrantStore.delete`."""
        row_id = self._sealer.row_id(GRANT, name)
        if not await self._write(
            partial(self._delete_grant, row_id, replaces), matters=True
        ):
            raise GrantChangedError(account=name)
        self._settled(row_id)
        # The person asked to have it forgotten, and the log still holds it.
        await self._database.wipe_log()

    async def load_setting(self, key: str) -> str | None:
        """A setting, or None where there is none, or none that opens.

        Raises:
            StoreFailedError: the disk refused.
            StoreCorruptError: the file is damaged.
        """
        with self._database.damage_told():
            return await self._database.read(partial(self._read_setting, key))

    async def save_setting(self, key: str, value: str | None) -> None:
        """Set it, or forget it with None; see `GrantStore.save_setting`."""
        record = None if value is None else _encoded(partial(setting_record, value))
        row_id = self._sealer.row_id(_SETTING, key)
        await self._write(partial(self._put_setting, row_id, record))
        self._damaged.discard(row_id)

    async def contents(self, newest: Sequence[Grant] = ()) -> Contents:
        """Every record that opens, for a backup; see `Contents.with_newest`."""
        found = await self._database.read(partial(read_contents, sealer=self._sealer))
        return _encoded(partial(found.with_newest, newest, self._sealer))

    async def check(self) -> str | None:
        """What is wrong with the pages of the file, or None; reads all of it."""
        return await self._database.read(page_fault)

    async def close(self) -> None:
        """Finish what is under way and let go of the file. Idempotent."""
        if not self._database.is_closed:
            await self._anchors.note(self._generation)
        await self._database.close()
        while self._closing:
            self._closing.pop()()

    def _settled(self, row_id: bytes) -> None:
        self._damaged.discard(row_id)
        if self._listing is not None:
            self._listing.pass_over(row_id)

    async def _write(
        self, work: Callable[[sqlite3.Connection], int | None], *, matters: bool = False
    ) -> bool:
        """Whether `work` was done: it gives the new generation, or else None."""
        prepared = partial(self._prepared, work)
        if await self._database.write(prepared, self._done) is None:
            return False
        self._note_soon(matters=matters)
        return True

    def _note_soon(self, *, matters: bool = True) -> None:
        self._anchors.passed(self._generation, matters=matters)

    # --- on the thread of the database -----------------------------------------

    def _prepared(
        self,
        work: Callable[[sqlite3.Connection], int | None],
        connection: sqlite3.Connection,
    ) -> int | None:
        prepare(connection, self._sealer)
        return work(connection)

    def _done(self, generation: int | None) -> None:
        # Not before: a generation that no file has would feign an old copy.
        if generation is not None:
            self._advanced(generation)

    def _advance(self, connection: sqlite3.Connection, *changed: Presence) -> int:
        return advance(connection, self._sealer, *changed)

    def _advanced(self, generation: int) -> None:
        self._generation = generation

    def _listed(self, connection: sqlite3.Connection) -> Listing:
        head = read_head(connection, self._sealer)
        digest = None if head is None else head.digest
        rows = select_all_rows(connection)
        return Listing(rows, digest, self._sealer, self._opened_grant)

    def _read_grant(
        self, name: AccountName, connection: sqlite3.Connection
    ) -> Grant | None:
        row = select_row(connection, GRANT, self._sealer.row_id(GRANT, name))
        return None if row is None else self._opened_grant(row)

    def _put_grant(
        self,
        row_id: bytes,
        grant: Grant,
        replaces: int | None,
        connection: sqlite3.Connection,
    ) -> int | None:
        there = select_row(connection, GRANT, row_id)
        if replaces is None:
            if there is not None and self._opened_grant(there) is not None:
                return None
        elif there is None or there.version != replaces:
            return None
        before = None if there is None else self._opened(GRANT, there, bytes)
        if replaces is not None and there is not None and before is not None:
            record = _encoded(partial(grant_record_over, grant, before))
            row = self._sealer.seal(GRANT, row_id, grant.version, record)
            update_row(connection, GRANT, row, replaces=replaces)
            changed = presence_of(GRANT, there), presence_of(GRANT, row)
            return self._advance(connection, *changed)
        record = _encoded(partial(grant_record, grant))
        row = self._sealer.seal(GRANT, row_id, grant.version, record)
        gone = set_aside(connection, row_id)
        insert_row(connection, GRANT, row)
        return self._advance(connection, *gone, presence_of(GRANT, row))

    def _delete_grant(
        self, row_id: bytes, replaces: int, connection: sqlite3.Connection
    ) -> int | None:
        there = select_row(connection, GRANT, row_id)
        if there is None or there.version != replaces:
            return None
        delete_row(connection, GRANT, row_id, replaces=replaces)
        return self._advance(connection, presence_of(GRANT, there))

    def _read_setting(self, key: str, connection: sqlite3.Connection) -> str | None:
        row = select_row(connection, _SETTING, self._sealer.row_id(_SETTING, key))
        return None if row is None else self._opened(_SETTING, row, parse_setting)

    def _put_setting(
        self, row_id: bytes, record: bytes | None, connection: sqlite3.Connection
    ) -> int | None:
        there = select_row(connection, _SETTING, row_id)
        version = 0
        if there is None or self._opened(_SETTING, there, parse_setting) is None:
            changed = set_aside(connection, row_id)
        else:
            version = there.version
            changed = (presence_of(_SETTING, there),)
            delete_row(connection, _SETTING, row_id, replaces=version)
        if record is not None:
            row = self._sealer.seal(_SETTING, row_id, version + 1, record)
            insert_row(connection, _SETTING, row)
            changed = (*changed, presence_of(_SETTING, row))
        return self._advance(connection, *changed)

    def _opened_grant(self, row: Row) -> Grant | None:
        return self._opened(GRANT, row, parse_grant)

    def _opened(self, kind: Kind, row: Row, parse: Callable[[bytes], T]) -> T | None:
        try:
            return parse(self._sealer.open(kind, row))
        except (SealBrokenError, SealNewerError, RecordError) as exc:
            if row.id not in self._damaged:
                self._damaged.add(row.id)
                log.warning("store.record.damaged fault=%s", type(exc).__name__)
            return None


def _encoded(record: Callable[[], T]) -> T:
    try:
        return record()
    except RecordError as exc:
        raise StoreFailedError(what=str(exc)) from exc
