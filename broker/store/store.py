"""Grants and settings in one sealed file: `SealedStore` satisfies `GrantStore`.

A record that does not open costs its account alone: it is left out, counted, and put
aside when the account signs in again.
"""

import asyncio
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from broker.model.account import AccountName
from broker.model.errors import (
    GrantChangedError,
    LockedError,
    StoreCorruptError,
    StoreExistsError,
    StoreFailedError,
)
from broker.model.grant import Grant
from broker.model.secret import SecretBytes
from broker.store.building import build_store, clean_up
from broker.store.connection import header_of
from broker.store.database import Database
from broker.store.keys.source import KeyParametersError, KeySource
from broker.store.records import (
    RecordError,
    grant_record,
    parse_grant,
    parse_setting,
    setting_record,
)
from broker.store.schema import (
    Header,
    KeySlot,
    Kind,
    Row,
    delete_row,
    insert_row,
    select_row,
    select_rows,
    set_aside,
    update_row,
)
from broker.store.sealer import Sealer, data_key_of
from broker.store.sealing import SealBrokenError, SealNewerError

log = logging.getLogger(__name__)

T = TypeVar("T")

_GRANT: Kind = "grant"
_SETTING: Kind = "setting"


class SealedStore:
    """The open store.

    Attributes:
        key_source: the name of the key source that opened it.
    """

    def __init__(self, database: Database, sealer: Sealer, key_source: str) -> None:
        self.key_source = key_source
        self._database = database
        self._sealer = sealer
        self._damaged: set[bytes] = set()

    @property
    def damaged(self) -> int:
        """How many records have been met that do not open."""
        return len(self._damaged)

    async def list(self) -> Sequence[Grant]:
        """Every grant that opens, in the order of their names.

        Raises:
            StoreFailedError: the disk refused.
        """
        return await self._database.read(self._read_grants)

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
        record = _encoded(partial(grant_record, grant))
        row = self._sealer.seal(_GRANT, name, grant.version, record)
        if replaces is None:
            done = await self._database.write(partial(self._add_grant, row))
        else:
            done = await self._database.write(
                partial(update_row, kind=_GRANT, row=row, replaces=replaces)
            )
        if not done:
            raise GrantChangedError(account=name)
        self._damaged.discard(row.id)

    async def delete(self, name: AccountName, *, replaces: int) -> None:
        """Forget a grant; see `GrantStore.delete`."""
        row_id = self._sealer.row_id(_GRANT, name)
        done = await self._database.write(
            partial(delete_row, kind=_GRANT, row_id=row_id, replaces=replaces)
        )
        if not done:
            raise GrantChangedError(account=name)
        # The person asked to have it forgotten, and the log still holds it.
        await self._database.wipe_log()

    async def load_setting(self, key: str) -> str | None:
        """A setting, or None where there is none, or none that opens.

        Raises:
            StoreFailedError: the disk refused.
        """
        return await self._database.read(partial(self._read_setting, key))

    async def save_setting(self, key: str, value: str | None) -> None:
        """Set it, or forget it with None; see `GrantStore.save_setting`."""
        record = None if value is None else _encoded(partial(setting_record, value))
        await self._database.write(partial(self._write_setting, key, record))
        self._damaged.discard(self._sealer.row_id(_SETTING, key))

    async def close(self) -> None:
        """Finish what is under way and let go of the file. Idempotent."""
        await self._database.close()

    # --- on the thread of the database -----------------------------------------

    def _read_grants(self, connection: sqlite3.Connection) -> Sequence[Grant]:
        rows = select_rows(connection, _GRANT)
        grants = [grant for row in rows if (grant := self._opened_grant(row))]
        return sorted(grants, key=lambda grant: grant.account.name)

    def _read_grant(
        self, name: AccountName, connection: sqlite3.Connection
    ) -> Grant | None:
        row = select_row(connection, _GRANT, self._sealer.row_id(_GRANT, name))
        return None if row is None else self._opened_grant(row)

    def _add_grant(self, row: Row, connection: sqlite3.Connection) -> bool:
        there = select_row(connection, _GRANT, row.id)
        if there is None or self._opened_grant(there) is None:
            set_aside(connection, row.id)
        return insert_row(connection, _GRANT, row)

    def _read_setting(self, key: str, connection: sqlite3.Connection) -> str | None:
        row = select_row(connection, _SETTING, self._sealer.row_id(_SETTING, key))
        return None if row is None else self._opened(_SETTING, row, parse_setting)

    def _write_setting(
        self, key: str, record: bytes | None, connection: sqlite3.Connection
    ) -> None:
        row_id, version = self._sealer.row_id(_SETTING, key), 0
        there = select_row(connection, _SETTING, row_id)
        if there is None or self._opened(_SETTING, there, parse_setting) is None:
            set_aside(connection, row_id)
        else:
            version = there.version
            delete_row(connection, _SETTING, row_id, replaces=version)
        if record is not None:
            row = self._sealer.seal(_SETTING, key, version + 1, record)
            insert_row(connection, _SETTING, row)

    def _opened_grant(self, row: Row) -> Grant | None:
        return self._opened(_GRANT, row, parse_grant)

    def _opened(self, kind: Kind, row: Row, parse: Callable[[bytes], T]) -> T | None:
        try:
            return parse(self._sealer.open(kind, row))
        except (SealBrokenError, SealNewerError, RecordError) as exc:
            if row.id not in self._damaged:
                self._damaged.add(row.id)
                log.warning("store.record.damaged fault=%s", type(exc).__name__)
            return None


def has_store(path: Path) -> bool:
    """Whether something has the name of the store, be it a broken link."""
    return os.path.lexists(path)


def key_source_of(path: Path) -> str:
    """The recorded source of the key, read without the key.

    Raises:
        StoreCorruptError: the file is not a store.
        StoreFailedError: the disk refused.
    """
    return header_of(path).slots[0].source


async def create_store(
    path: Path,
    source: KeySource,
    *,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedStore:
    """Make a new store and open it. The folder is there, and the person's alone.

    Raises:
        StoreExistsError: something has this name.
        StoreFailedError: the disk refused.
        BadRequestError, KeySourceUnavailableError: see `KeySource.make`.
    """
    if has_store(path):
        raise StoreExistsError
    data_key = await asyncio.to_thread(build_store, path, source, random)
    database = await Database.open(path)
    sealer = Sealer(database.header.store_id, data_key, random)
    return SealedStore(database, sealer, source.name)


async def open_store(
    path: Path,
    source: KeySource,
    *,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedStore:
    """Open the store with its recorded key source.

    Raises:
        StoreCorruptError: the file cannot be read as a store; it is left as it is.
        LockedError: the key cannot be had, `source` is not the recorded one, or
            another process has the store open.
        WrongPassphraseError: the passphrase does not open it.
        StoreFailedError: the disk refused.
    """
    database = await Database.open(path)
    try:
        clean_up(path)
        recall = partial(_recalled, path, database.header, source)
        data_key = await asyncio.to_thread(recall)
    except BaseException:
        await database.close()
        raise
    sealer = Sealer(database.header.store_id, data_key, random)
    return SealedStore(database, sealer, source.name)


def _recalled(path: Path, header: Header, source: KeySource) -> SecretBytes:
    slot = _slot_of(header, source.name)
    try:
        return data_key_of(header, slot, source.recall(slot.parameters))
    except SealBrokenError as exc:
        raise source.refused() from exc
    except KeyParametersError as exc:
        what = f"what it says of its {source.name} key is damaged"
        raise StoreCorruptError(path=str(path), what=what) from exc


def _slot_of(header: Header, source: str) -> KeySlot:
    for slot in header.slots:
        if slot.source == source:
            return slot
    recorded = header.slots[0].source
    raise LockedError(reason=f"the key of the store is of another source: {recorded}")


def _encoded(record: Callable[[], bytes]) -> bytes:
    try:
        return record()
    except RecordError as exc:
        raise StoreFailedError(what=str(exc)) from exc
