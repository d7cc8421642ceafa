"""A store that is not open yet, in memory. Satisfies `StoreDoor`."""

import asyncio
from dataclasses import dataclass, field

from broker.model.errors import (
    BadRequestError,
    BrokerError,
    LockedError,
    StoreExistsError,
    WrongPassphraseError,
)
from broker.model.secret import Secret
from tests.fakes.store import MemoryStore


@dataclass
class FakeDoor:
    """One store, behind a key file or a passphrase.

    Attributes:
        store: what is made or opened; its `grants` are what a crash would find.
        source: the recorded key source, or None where no store was made.
        passphrase: what opens it, where the source is 'passphrase'.
        fault: raised by `create`, `open` and `key_source` while it is set.
        gate: while it is set to an event, `create` and `open` wait for that event.
        opened: how often a store was made or opened.
        asking: of each `open`, whether the desktop might have asked the person.
    """

    store: MemoryStore
    source: str | None = "plain"
    passphrase: str | None = field(default=None, repr=False)
    fault: BrokerError | None = None
    gate: asyncio.Event | None = None
    opened: int = 0
    asking: list[bool] = field(default_factory=list)

    def exists(self) -> bool:
        return self.source is not None

    def key_source(self) -> str:
        if self.fault is not None:
            raise self.fault
        assert self.source is not None
        return self.source

    async def create(self, source: str, passphrase: Secret | None) -> MemoryStore:
        await self._pass()
        if source not in ("plain", "passphrase"):
            raise BadRequestError(what="the key source is 'plain' or 'passphrase'")
        if (passphrase is None) != (source == "plain"):
            raise BadRequestError(what="a passphrase is missing, or unasked")
        if self.source is not None:
            raise StoreExistsError
        self.source = source
        self.passphrase = None if passphrase is None else passphrase.reveal()
        self.opened += 1
        return self.store

    async def open(self, passphrase: Secret | None, *, ask: bool) -> MemoryStore:
        self.asking.append(ask)
        await self._pass()
        if self.source == "passphrase":
            if passphrase is None:
                raise LockedError(reason="a passphrase is needed")
            if passphrase.reveal() != self.passphrase:
                raise WrongPassphraseError
        self.opened += 1
        return self.store

    async def _pass(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
