"""The ways to open the store that is open, changed by name. Satisfies `StoreKeys`."""

import asyncio
import secrets
from collections.abc import Sequence
from functools import partial

from broker.model.errors import KeySlotError, LockedError
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.store import Slot, SourceFacts
from broker.store.contents import backup_of
from broker.store.door import FileDoor
from broker.store.keys.names import PASSPHRASE, key_sources
from broker.store.keys.passphrase import Passphrase
from broker.store.keys.source import KeySource
from broker.store.store import SealedStore


class KeyChanges:
    """Changes of the store behind a `FileDoor`."""

    def __init__(self, door: FileDoor) -> None:
        self._door = door

    async def sources(self) -> Sequence[SourceFacts]:
        """Every key source of this system; see `StoreKeys.sources`."""
        return await asyncio.to_thread(self._door.sources.facts)

    async def add(self, source: str, passphrase: Secret | None) -> Slot:
        """One more way to open it; see `StoreKeys.add`."""
        made = self._door.sources.for_a_new_key(source, passphrase)
        slot = await self._opened().slots.add(made)
        return Slot(number=slot.number, source=slot.source)

    async def remove(self, number: int) -> str | None:
        """Take one away; see `StoreKeys.remove`."""
        store = self._opened()
        source = self._source_of(store, number)
        left = await store.slots.remove(number, source)
        if store.opened_by == number:  # its number may be another's soon
            store.opened_by = None
        # What was opened through it must not open the store again.
        await self._door.forget()
        return left

    async def rotate(
        self, number: int, passphrase: Secret | None
    ) -> tuple[Slot, str | None]:
        """A new key for one of them; see `StoreKeys.rotate`."""
        store = self._opened()
        name = store.slots.find(number).source
        source = self._door.sources.for_a_new_key(name, passphrase)
        slot, left = await store.slots.rotate(number, source)
        return Slot(number=slot.number, source=slot.source), left

    async def rotate_data_key(self, passphrases: Sequence[Secret]) -> None:
        """Seal every record anew; see `StoreKeys.rotate_data_key`."""
        store = self._opened()
        recorded = dict.fromkeys(slot.source for slot in store.slots.all)
        silent = [
            self._door.sources.named(name, ask=True)
            for name in recorded
            if name != PASSPHRASE and name in key_sources()
        ]
        typed = [Passphrase(passphrase) for passphrase in passphrases]
        await store.rotate_data_key([*silent, *typed])
        await self._door.forget()

    async def check(self) -> str | None:
        """What is wrong with the pages of the file; see `StoreKeys.check`."""
        return await self._opened().check()

    async def backup(self, passphrase: Secret, newest: Sequence[Grant] = ()) -> bytes:
        """Everything under a passphrase of its own; see `StoreKeys.backup`."""
        store = self._opened()
        contents = await store.contents(newest)
        made = partial(backup_of, contents, Passphrase(passphrase), secrets.token_bytes)
        return await asyncio.to_thread(made)

    def _opened(self) -> SealedStore:
        if self._door.opened is None:
            raise LockedError(reason="the store is not open")
        return self._door.opened

    def _source_of(self, store: SealedStore, number: int) -> KeySource:
        name = store.slots.find(number).source
        if name not in key_sources():
            what = f"this system has no key source {name}"
            raise KeySlotError(slot=number, what=what)
        return self._door.sources.named(name)
