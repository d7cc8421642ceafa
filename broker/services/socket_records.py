"""The restricted sockets of one open store: sealed, at hand, written in one place.

Knows no socket of the operating system.
"""

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from broker.model.errors import NotPermittedError, SettingDamagedError
from broker.model.restriction import Restriction, SocketName
from broker.services.interfaces import GrantStore

log = logging.getLogger(__name__)

_SETTING = "sockets"


class SocketRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One restricted socket.

    Attributes:
        restriction: what it is for.
        used: tokens that it has given, where they are numbered.
    """

    restriction: Restriction
    used: int = 0

    def require_left(self) -> None:
        """Nothing, where it may give more tokens.

        Raises:
            NotPermittedError: as many as it may give have been given.
        """
        own = self.restriction
        if own.uses is not None and self.used >= own.uses:
            raise NotPermittedError(
                what=f"{own.name!r} was for {own.uses} tokens, and has given them"
            )


class SocketRecords:
    """What is in the store.

    Attributes:
        is_damaged: whether it could not be read: then no socket opens, until the
            person makes another.
    """

    def __init__(self, store: GrantStore) -> None:
        self._store = store
        self._records: dict[SocketName, SocketRecord] = {}
        # One write at a time: each is of all of them.
        self._writing = asyncio.Lock()
        self.is_damaged = False

    async def load(self, *, is_old_copy: bool = False) -> None:
        """Read them.

        Args:
            is_old_copy: of a store that is older than the one before: a socket that
                was removed, or used up, must not come back, so all are forgotten.

        Raises:
            StoreFailedError: the disk refused to forget them.
        """
        try:
            text = await self._store.load_setting(_SETTING)
            found = () if text is None else msgspec.json.decode(text, type=_RECORDS)
        except (SettingDamagedError, msgspec.DecodeError) as exc:
            log.warning("sockets.damaged fault=%s", type(exc).__name__)
            self.is_damaged = True
            return
        if found and is_old_copy:
            log.warning("sockets.forgotten number=%d reason=old_copy", len(found))
            await self._save(())
            return
        self._records = {each.restriction.name: each for each in found}

    def all(self) -> tuple[SocketRecord, ...]:
        """Each, in the order in which they were made."""
        return tuple(self._records.values())

    def find(self, name: SocketName) -> SocketRecord | None:
        """The one of this name, or None."""
        return self._records.get(name)

    async def add(self, restriction: Restriction) -> None:
        """One more.

        Raises:
            StoreFailedError: the disk refused; nothing has changed.
        """
        record = SocketRecord(restriction=restriction)
        async with self._writing:
            await self._save((*self.all(), record))
            self._records[restriction.name] = record
            self.is_damaged = False

    async def remove(self, names: Iterable[SocketName]) -> None:
        """Without these.

        Raises:
            StoreFailedError: the disk refused; nothing has changed.
        """
        gone = set(names)
        async with self._writing:
            await self._save(
                each for each in self.all() if each.restriction.name not in gone
            )
            for name in gone:
                self._records.pop(name, None)

    async def use(self, restriction: Restriction) -> None:
        """One more token, saved when this returns; two that ask at once are two.

        Raises:
            NotPermittedError: as many as it may give have been given.
            StoreFailedError: the disk refused; it counts all the same.
        """
        async with self._writing:
            record = self.require_left(restriction)
            # Before it is saved: what the disk refuses is not given twice.
            used = msgspec.structs.replace(record, used=record.used + 1)
            self._records[restriction.name] = used
            await self._save(self.all())

    def require_left(self, restriction: Restriction) -> SocketRecord:
        """The record, where that socket is there and has uses left.

        Raises:
            NotPermittedError: it is gone, or has given all that it may give.
        """
        record = self._records.get(restriction.name)
        if record is None or record.restriction.made_at != restriction.made_at:
            raise NotPermittedError(what=f"{restriction.name!r} is gone")
        record.require_left()
        return record

    async def _save(self, records: Iterable[SocketRecord]) -> None:
        kept = tuple(records)
        text = msgspec.json.encode(kept).decode() if kept else None
        await self._store.save_setting(_SETTING, text)


_RECORDS = tuple[SocketRecord, ...]
