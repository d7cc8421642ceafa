"""The ways to the keys of an open store: added, taken away, and renewed.

Every change is one transaction: a crash leaves the old way or the new one. A key that
no slot needs any more is forgotten by its source only after that.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from broker.model.errors import BrokerError, KeySlotError, StoreFailedError
from broker.model.secret import SecretBytes
from broker.store.database import Database
from broker.store.head import advance, begin_anew, prepare
from broker.store.keys.source import KeySource, NewKey
from broker.store.recalling import recalled_keys
from broker.store.schema import (
    KeySlot,
    Presence,
    delete_slot,
    read_slots,
    select_all_rows,
    set_aside,
    update_row,
    write_slot,
)
from broker.store.sealer import Sealer, new_slot
from broker.store.sealing import (
    KEY_BYTES,
    NONCE_BYTES,
    DataKeys,
    SealBrokenError,
    SealNewerError,
    key_id,
)

Changed = tuple[Presence, ...]
"""Records that came or went, as for `head.advance`."""

SLOTS = 16
"""At most: each is a way in, and a person knows a few."""


class Slots:
    """The key slots of one open store."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        advanced: Callable[[int], None],
        changed: Callable[[], None],
    ) -> None:
        """Take the store.

        Args:
            database: its file.
            sealer: its keys.
            advanced: is told the generation after each write, on its thread.
            changed: is called when that is done.
        """
        self._database = database
        self._sealer = sealer
        self._random = sealer.random
        self._advanced = advanced
        self._changed = changed
        self._changing = asyncio.Lock()
        self.all: tuple[KeySlot, ...] = database.header.slots

    def find(self, number: int) -> KeySlot:
        """The slot of this number.

        Raises:
            KeySlotError: there is none.
        """
        for slot in self.all:
            if slot.number == number:
                return slot
        raise KeySlotError(slot=number, what="there is no such slot")

    async def add(self, source: KeySource) -> KeySlot:
        """One more way in.

        Raises:
            KeySlotError: there are too many.
            BadRequestError, KeySourceUnavailableError, StoreFailedError: see
                `KeySource.make`; nothing has changed.
        """
        async with self._changing:
            await self._look()
            number = max(slot.number for slot in self.all) + 1
            if len(self.all) >= SLOTS:
                raise KeySlotError(slot=number, what=f"a store has at most {SLOTS}")
            return await self._put(number, source)

    async def rotate(
        self, number: int, source: KeySource
    ) -> tuple[KeySlot, str | None]:
        """A new key of the same source in the place of the old, which is forgotten.

        Returns:
            The slot, and what is left of the old key, see `KeySource.forget`.

        Raises:
            KeySlotError: there is no such slot, or it is of another source.
            BadRequestError, KeySourceUnavailableError, StoreFailedError: as for `add`.
        """
        async with self._changing:
            await self._look()
            old = self.find(number)
            if old.source != source.name:
                raise KeySlotError(slot=number, what=f"its source is {old.source}")
            slot = await self._put(number, source)
            left = await asyncio.to_thread(source.forget, old.parameters)
            return slot, left

    async def remove(self, number: int, source: KeySource) -> str | None:
        """Take a way in away.

        Returns:
            What is left of its key, see `KeySource.forget`.

        Raises:
            KeySlotError: there is no such slot, or it is the last.
            StoreFailedError: the disk refused; nothing has changed.
        """
        async with self._changing:
            await self._look()
            slot = self.find(number)
            if len(self.all) == 1:
                raise KeySlotError(slot=number, what="it is the only way in")
            await self._write(partial(_delete, number))
            await self._database.wipe_log()
            return await asyncio.to_thread(source.forget, slot.parameters)

    async def rotate_data_key(
        self, sources: Sequence[KeySource], *, above: int = 0
    ) -> None:
        """Seal every record anew, under a new data key that every slot gives.

        What is there then counts as what was saved, and as newer than any copy.

        Args:
            sources: one for each slot at least; several passphrases are tried in turn.
            above: the highest generation that is known of any copy.

        Raises:
            KeySlotError: a slot that none of `sources` opens.
            StoreFailedError: the disk refused; nothing has changed.
        """
        async with self._changing:
            await self._look()
            header = self._database.header
            recall = partial(recalled_keys, header, self.all, sources)
            outer = await asyncio.to_thread(recall)
            fresh = SecretBytes(self._random(KEY_BYTES))
            keys = DataKeys(data=fresh, index=self._sealer.keys.index)
            slots = [
                self._wrapped(slot.number, slot.source, slot.parameters, key, keys)
                for slot, key in outer
            ]
            self._sealer.expect(fresh)
            await self._write(
                partial(_reseal, self._sealer, key_id(fresh), slots, above)
            )
            self._sealer.forget_others()
            await self._database.wipe_log()

    async def _look(self) -> None:
        """Know the slots as the file has them.

        Read behind what is under way: a change that nobody waits for any more. And one
        that the disk refused may have been done.
        """
        self.all = await self._database.read(read_slots)

    async def _put(self, number: int, source: KeySource) -> KeySlot:
        store_id = self._database.header.store_id
        made = await asyncio.to_thread(source.make, self._random, store_id)
        try:
            await self._write(partial(self._put_wrapped, number, source.name, made))
        except BrokerError:
            if not await self._may_have(number, made.parameters):
                await asyncio.to_thread(source.forget, made.parameters)
            raise
        # The wrapped key of before is in the log still.
        await self._database.wipe_log()
        return self.find(number)

    async def _may_have(self, number: int, parameters: str) -> bool:
        """Whether a slot may be in the file although the disk refused it.

        A disk can fail after the commit. Then the key must stay: it opens the store.
        """
        try:
            there = await self._database.read(read_slots)
        except StoreFailedError:
            return True
        return any((s.number, s.parameters) == (number, parameters) for s in there)

    def _wrapped(
        self,
        number: int,
        source: str,
        parameters: str,
        key: SecretBytes,
        keys: DataKeys,
    ) -> KeySlot:
        return new_slot(
            number,
            source,
            parameters,
            key=key,
            keys=keys,
            store_id=self._sealer.store_id,
            nonce=self._random(NONCE_BYTES),
        )

    async def _write(self, work: Callable[[sqlite3.Connection], Changed]) -> None:
        await self._database.write(partial(self._written, work), self._done)
        self._changed()

    # --- on the thread of the database -----------------------------------------

    def _written(
        self,
        work: Callable[[sqlite3.Connection], Changed],
        connection: sqlite3.Connection,
    ) -> tuple[int, tuple[KeySlot, ...]]:
        prepare(connection, self._sealer)
        generation = advance(connection, self._sealer, *work(connection))
        return generation, read_slots(connection)

    def _done(self, written: tuple[int, tuple[KeySlot, ...]]) -> None:
        generation, self.all = written
        self._advanced(generation)

    def _put_wrapped(
        self, number: int, source: str, made: NewKey, connection: sqlite3.Connection
    ) -> Changed:
        # The keys as the file has them: a rotation that was refused expected others.
        keys = self._sealer.keys
        slot = self._wrapped(number, source, made.parameters, made.key, keys)
        write_slot(connection, slot)
        return ()


def _delete(number: int, connection: sqlite3.Connection) -> Changed:
    delete_slot(connection, number)
    return ()


def _reseal(
    sealer: Sealer,
    key: bytes,
    slots: Sequence[KeySlot],
    above: int,
    connection: sqlite3.Connection,
) -> Changed:
    """Every record under the data key of id `key`; in one transaction."""
    sealer.use(key)
    for kind, row in select_all_rows(connection):
        try:
            record = sealer.open(kind, row)
        except (SealBrokenError, SealNewerError):
            set_aside(connection, row.id)
            continue
        again = sealer.seal(kind, row.id, row.version, record)
        update_row(connection, kind, again, replaces=row.version)
    for slot in slots:
        write_slot(connection, slot)
    begin_anew(connection, sealer, above)
    return ()
