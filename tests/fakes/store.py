"""A store in memory. Satisfies `GrantStore`; what `grants` holds is durable."""

import asyncio
from collections.abc import Iterator, Mapping

from broker.model.account import AccountName
from broker.model.errors import (
    GrantChangedError,
    SettingDamagedError,
    StoreFailedError,
)
from broker.model.grant import Grant


class MemoryListing(Iterator[Grant]):
    """What was in it at one moment."""

    def __init__(self, grants: Mapping[AccountName, Grant]) -> None:
        self._left = dict(grants)

    def __len__(self) -> int:
        """How many have not come yet."""
        return len(self._left)

    def __next__(self) -> Grant:
        if not self._left:
            raise StopIteration
        return self._left.popitem()[1]

    def take(self, name: AccountName) -> Grant | None:
        return self._left.pop(name, None)


class MemoryStore:
    """A dict, with a disk that can be full or slow when a test says so.

    Attributes:
        grants: what a crash would find now.
        listed: what `list` has given last.
        saves: how many saves of grants have been made durable.
        gate: while it is set to an event, every write waits for that event.
        load_gate: the same for every read.
        damaged_settings: those that do not open.
        is_unreadable: whether its grants cannot be listed.
        fails_after_saves: whether the disk fails when a grant has been saved already.
        is_closed: whether it was closed; a door may open it again.
    """

    def __init__(self, *grants: Grant) -> None:
        self.grants: dict[AccountName, Grant] = {g.account.name: g for g in grants}
        self.settings: dict[str, str] = {}
        self.damaged_settings: set[str] = set()
        self.listed = MemoryListing({})
        self.saves = 0
        self.gate: asyncio.Event | None = None
        self.load_gate: asyncio.Event | None = None
        self.is_unreadable = False
        self.fails_after_saves = False
        self._failures = self._good = 0
        self.is_closed = False

    def fail_next_save(self, times: int = 1) -> None:
        """Let the next `times` writes find the disk full: nothing will have changed."""
        self._failures += times

    def fail_save(self, number: int) -> None:
        """The same for one write that is to come, counted from 1."""
        self._good, self._failures = number - 1, 1

    def mend(self) -> None:
        """Let there be room again."""
        self._failures = 0

    async def list(self) -> MemoryListing:
        await self._pass(self.load_gate)
        if self.is_unreadable:
            raise StoreFailedError(what="input/output error")
        self.listed = MemoryListing(self.grants)
        return self.listed

    async def load(self, name: AccountName) -> Grant | None:
        await self._pass(self.load_gate)
        return self.grants.get(name)

    async def save(self, grant: Grant, *, replaces: int | None) -> None:
        await self._write()
        self._compare(grant.account.name, replaces)
        self.grants[grant.account.name] = grant
        self.saves += 1
        if self.fails_after_saves:
            raise StoreFailedError(what="input/output error")

    async def delete(self, name: AccountName, *, replaces: int) -> None:
        await self._write()
        self._compare(name, replaces)
        del self.grants[name]

    async def load_setting(self, key: str) -> str | None:
        await self._pass(self.load_gate)
        if key in self.damaged_settings:
            raise SettingDamagedError(what=f"the setting {key!r} is damaged")
        return self.settings.get(key)

    async def save_setting(self, key: str, value: str | None) -> None:
        await self._write()
        self.damaged_settings.discard(key)
        if value is None:
            self.settings.pop(key, None)
        else:
            self.settings[key] = value

    async def close(self) -> None:
        self.is_closed = True

    def _compare(self, name: AccountName, replaces: int | None) -> None:
        # After the gate, as the real store compares: at the moment of the write.
        there = self.grants.get(name)
        if (there.version if there else None) != replaces:
            raise GrantChangedError(account=name)

    async def _write(self) -> None:
        await self._pass(self.gate)
        if self._good:
            self._good -= 1
        elif self._failures:
            self._failures -= 1
            raise StoreFailedError(what="the disk is full")

    async def _pass(self, gate: asyncio.Event | None) -> None:
        if self.is_closed:
            raise StoreFailedError(what="the store is closed")
        if gate is not None:
            await gate.wait()
