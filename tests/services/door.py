"""A store that is not open yet, in memory. Satisfies `StoreDoor` and `StoreKeys`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from broker.model.errors import (
    BackupInvalidError,
    BadRequestError,
    BrokerError,
    KeySlotError,
    LockedError,
    StoreCorruptError,
    StoreExistsError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.store import Health, Slot, SourceFacts
from broker.model.time import UnixTime
from tests.fakes.store import MemoryStore

BACKUP = b"a backup"
FOUND = Health(generation=1, opened_by=1)


@dataclass
class FakeDoor:
    """One store, behind a key file or a passphrase.

    Attributes:
        store: what is made or opened; its `grants` are what a crash would find.
        source: the recorded key source, or None where no store was made.
        passphrase: what opens it, where the source is 'passphrase'.
        others: further key slots, by number.
        found: how the store is found when it is opened.
        fault: raised by `create` and `open` while it is set; by `slots`, where it is
            one of the file.
        restore_fault: raised by `restore` while it is set.
        slots_fault: raised by `slots` while it is set.
        gate: while it is set to an event, `create` and `open` wait for that event.
        opened: how often a store was made or opened.
        asking: of each `open`, whether the desktop might have asked the person.
        remembered: for how many seconds the next daemon may open it.
        set_aside_as: what has another name now, with its source.
    """

    store: MemoryStore
    source: str | None = "plain"
    passphrase: str | None = field(default=None, repr=False)
    others: dict[int, str] = field(default_factory=dict)
    found: Health = FOUND
    fault: BrokerError | None = None
    restore_fault: BrokerError | None = None
    slots_fault: BrokerError | None = None
    gate: asyncio.Event | None = None
    opened: int = 0
    asking: list[bool] = field(default_factory=list)
    remembered: int | None = None
    set_aside_as: dict[str, str] = field(default_factory=dict)

    def exists(self) -> bool:
        return self.source is not None

    def slots(self) -> tuple[Slot, ...]:
        if isinstance(self.fault, StoreCorruptError | StoreFailedError):
            raise self.fault
        if self.slots_fault is not None:
            raise self.slots_fault
        assert self.source is not None
        is_open = self.opened > 0 and not self.store.is_closed
        first = Slot(number=1, source=self.source, is_in_use=is_open)
        others = [Slot(number=n, source=s) for n, s in self.others.items()]
        return (first, *others)

    def health(self) -> Health | None:
        return None if self.store.is_closed or not self.opened else self.found

    def require_source(self, source: str | None, passphrase: Secret | None) -> None:
        if source not in (None, "plain", "passphrase"):
            raise BadRequestError(what="the key source is 'plain' or 'passphrase'")
        if (passphrase is None) != (source != "passphrase"):
            raise BadRequestError(what="a passphrase is missing, or unasked")

    async def create(
        self,
        source: str | None,
        passphrase: Secret | None,
        *,
        aside: str | None = None,
    ) -> MemoryStore:
        await self._pass()
        self.require_source(source, passphrase)
        source = source or "plain"
        if self.source is not None and aside is None:
            raise StoreExistsError
        if self.source is not None and aside is not None:
            assert self.store.is_closed or not self.opened
            self.set_aside_as[aside] = self.source
        self.source = source
        self.passphrase = None if passphrase is None else passphrase.reveal()
        return self._opened()

    async def open(self, passphrase: Secret | None, *, ask: bool) -> MemoryStore:
        self.asking.append(ask)
        await self._pass()
        if self.source == "passphrase":
            if passphrase is None:
                raise LockedError(reason="a passphrase is needed")
            if passphrase.reveal() != self.passphrase:
                raise WrongPassphraseError
        return self._opened()

    async def read_backup(self, backup: bytes, passphrase: Secret) -> object:
        if backup != BACKUP:
            raise BackupInvalidError(what="it is none")
        if passphrase.reveal() != "horse":
            raise WrongPassphraseError
        return backup

    async def restore(
        self,
        contents: object,
        source: str | None,
        passphrase: Secret | None,
        *,
        at: UnixTime,
        aside: str | None = None,
    ) -> MemoryStore:
        assert contents == BACKUP
        assert at > 0
        if self.restore_fault is not None:
            raise self.restore_fault
        return await self.create(source, passphrase, aside=aside)

    def aside_name(self) -> str:
        return "store.db.aside"

    async def remember(self, seconds: int) -> None:
        self.remembered = seconds

    async def forget(self) -> None:
        self.remembered = None

    def _opened(self) -> MemoryStore:
        self.opened += 1
        self.store.is_closed = False
        return self.store

    async def _pass(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault


@dataclass
class FakeKeys:
    """The key slots behind a `FakeDoor`.

    Attributes:
        gate: while it is set to an event, every change waits for that event, as for a
            keyring that asks the person.
        reached: set once somebody waits for it.
        left: what the source could not take away.
    """

    door: FakeDoor
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    left: str | None = None
    rotated: list[object] = field(default_factory=list)
    page_fault: str | StoreFailedError | None = None
    backed_up: list[str] = field(default_factory=list)

    async def sources(self) -> Sequence[SourceFacts]:
        return [
            SourceFacts(name="secret-service", works=False, reason="there is no D-Bus"),
            SourceFacts(name="plain", works=True),
        ]

    async def add(self, source: str, passphrase: Secret | None) -> Slot:
        await self._pass()
        number = max([1, *self.door.others]) + 1
        self.door.others[number] = source
        assert (passphrase is None) == (source != "passphrase")
        return Slot(number=number, source=source)

    async def remove(self, number: int) -> str | None:
        await self._pass()
        if number not in self.door.others:
            raise KeySlotError(slot=number, what="there is no such slot")
        del self.door.others[number]
        return self.left

    async def rotate(
        self, number: int, passphrase: Secret | None
    ) -> tuple[Slot, str | None]:
        await self._pass()
        del passphrase
        for slot in self.door.slots():
            if slot.number == number:
                self.rotated.append(number)
                return replace(slot, is_in_use=False), self.left
        raise KeySlotError(slot=number, what="there is no such slot")

    async def rotate_data_key(self, passphrases: Sequence[Secret]) -> None:
        await self._pass()
        self.rotated.append(tuple(text.reveal() for text in passphrases))

    async def check(self) -> str | None:
        if isinstance(self.page_fault, StoreFailedError):
            raise self.page_fault
        return self.page_fault

    async def backup(self, passphrase: Secret, newest: Sequence[Grant] = ()) -> bytes:
        await self._pass()
        if not passphrase.reveal():
            raise BadRequestError(what="the passphrase is empty")
        self.backed_up = [grant.account.name for grant in newest]
        return BACKUP

    async def _pass(self) -> None:
        if self.gate is not None:
            self.reached.set()
            await self.gate.wait()
