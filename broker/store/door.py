"""The one store of this daemon, before it is open. Satisfies `StoreDoor`."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from broker.host import KernelKeyring
from broker.model.errors import (
    BadRequestError,
    KeySourceUnavailableError,
    LockedError,
    StoreCorruptError,
    StoreFailedError,
)
from broker.model.secret import Secret
from broker.model.store import Health, Slot
from broker.model.time import UnixTime
from broker.store.contents import Contents, parse_backup
from broker.store.keys.names import PASSPHRASE, key_sources
from broker.store.keys.source import KeySource
from broker.store.keys.unlock_cache import UnlockCache
from broker.store.opening import (
    create_store,
    has_store,
    open_store_by,
    slots_of,
    store_id_of,
)
from broker.store.sources import Sources
from broker.store.store import SealedStore

STORE_NAME = "store.db"
"""Of the one store, in the state folder."""


class FileDoor:
    """A store file, and what lies beside it.

    Attributes:
        sources: of keys, on this system.
        opened: the store, while it is open.
    """

    def __init__(self, path: Path) -> None:
        self.sources = Sources(path)
        self.opened: SealedStore | None = None
        self._path = path
        self._cache = UnlockCache(KernelKeyring())

    def exists(self) -> bool:
        """Whether a store has been made."""
        return has_store(self._path)

    def slots(self) -> tuple[Slot, ...]:
        """The recorded ways to open it; see `StoreDoor.slots`."""
        store = self.opened
        if store is None:
            return tuple(
                Slot(number=slot.number, source=slot.source)
                for slot in slots_of(self._path)
            )
        return tuple(
            Slot(
                number=slot.number,
                source=slot.source,
                is_in_use=slot.number == store.opened_by,
            )
            for slot in store.slots.all
        )

    def health(self) -> Health | None:
        """How the store was found; see `StoreDoor.health`."""
        return None if self.opened is None else self.opened.health

    def require_source(self, source: str | None, passphrase: Secret | None) -> None:
        """Whether `create` could be asked so; see `StoreDoor.require_source`."""
        if source is not None:
            self.sources.for_a_new_key(source, passphrase)
        elif passphrase is not None:
            raise BadRequestError(what="a passphrase needs the key source passphrase")

    async def create(
        self,
        source: str | None,
        passphrase: Secret | None,
        *,
        aside: str | None = None,
    ) -> SealedStore:
        """Make a new store; see `StoreDoor.create`."""
        return await self._create(source, passphrase, None, aside)

    async def open(self, passphrase: Secret | None, *, ask: bool) -> SealedStore:
        """Open the store through one of its key slots; see `StoreDoor.open`."""
        choice = partial(self._at_hand, passphrase=passphrase, ask=ask)
        cache = None if passphrase is not None else self._cache
        return self._keep(await open_store_by(self._path, choice, cache=cache))

    async def read_backup(self, backup: bytes, passphrase: Secret) -> Contents:
        """What is in a backup; see `StoreDoor.read_backup`."""
        read = partial(parse_backup, backup, self.sources.named(PASSPHRASE, passphrase))
        return await asyncio.to_thread(read)

    async def restore(
        self,
        contents: object,
        source: str | None,
        passphrase: Secret | None,
        *,
        at: UnixTime,
        aside: str | None = None,
    ) -> SealedStore:
        """Make a new store of what was in a backup; see `StoreDoor.restore`."""
        if not isinstance(contents, Contents):
            raise TypeError(type(contents).__name__)
        return await self._create(source, passphrase, contents.restored(at), aside)

    def aside_name(self) -> str:
        """A name that nothing has; see `StoreDoor.aside_name`."""
        return f"{self._path.name}.aside-{secrets.token_hex(4)}"

    async def remember(self, seconds: int) -> None:
        """Let the next daemon of this boot open it; see `StoreDoor.remember`."""
        if self.opened is None:
            raise LockedError(reason="only an open store can be remembered")
        store_id = self.opened.store_id
        if not self._cache.remember(store_id, self.opened.keys, seconds):
            raise KeySourceUnavailableError(
                source="kernel-keyring", reason="this system keeps no key for us"
            )

    async def forget(self) -> None:
        """End what `remember` did."""
        if self.opened is not None:
            self._cache.forget(self.opened.store_id)
        elif self.exists():
            # Locked: what was kept before must not open it again.
            with contextlib.suppress(StoreCorruptError, StoreFailedError):
                self._cache.forget(store_id_of(self._path))

    async def _create(
        self,
        source: str | None,
        passphrase: Secret | None,
        contents: Contents | None,
        aside: str | None,
    ) -> SealedStore:
        self.require_source(source, passphrase)
        if source is None:
            made = await asyncio.to_thread(self.sources.best)
        else:
            made = self.sources.for_a_new_key(source, passphrase)
        return self._keep(
            await create_store(
                self._path,
                made,
                contents=contents,
                aside=None if aside is None else self._path.with_name(aside),
            )
        )

    def _keep(self, store: SealedStore) -> SealedStore:
        self.opened = store
        store.on_close(self._let_go)
        return store

    def _let_go(self) -> None:
        self.opened = None

    def _at_hand(
        self, recorded: Sequence[str], passphrase: Secret | None, *, ask: bool
    ) -> list[KeySource]:
        """The sources to try.

        Raises:
            LockedError: there is none: a passphrase is needed, or this system has
                none of those that are recorded.
        """
        if passphrase is not None and PASSPHRASE in recorded:
            # Typed just now: nothing else is to ask, or to open it in its place.
            return [self.sources.named(PASSPHRASE, passphrase)]
        names = [name for name in dict.fromkeys(recorded) if name in key_sources()]
        if not names:
            raise LockedError(
                reason=f"this brokerd has no key source {recorded[0]!r} on this system"
            )
        silent = [name for name in names if name != PASSPHRASE]
        return [self.sources.named(name, ask=ask) for name in silent]
