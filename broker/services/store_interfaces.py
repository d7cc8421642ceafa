"""What the services need of the one store of the daemon, as Protocols.

What lies in it once it is open, a `GrantStore` says; see `interfaces`.
"""

from collections.abc import Sequence
from typing import Protocol

from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.store import Health, Slot, SourceFacts
from broker.model.time import UnixTime
from broker.services.interfaces import GrantStore


class StoreDoor(Protocol):
    """The one store of this daemon, before it is open."""

    def exists(self) -> bool:
        """Whether a store has been made."""
        ...

    def slots(self) -> tuple[Slot, ...]:
        """The recorded ways to open it.

        Raises:
            StoreCorruptError: the file is not a store.
            StoreFailedError: the disk refused.
        """
        ...

    def health(self) -> Health | None:
        """How the store was found, while it is open; else None."""
        ...

    def require_source(self, source: str | None, passphrase: Secret | None) -> None:
        """Nothing, where `create` could be asked so.

        Raises:
            BadRequestError: a source that this system has not, or a passphrase
                missing or unasked.
        """
        ...

    async def create(
        self,
        source: str | None,
        passphrase: Secret | None,
        *,
        aside: str | None = None,
    ) -> GrantStore:
        """Make a new store; the old one is never overwritten.

        Args:
            source: where its key will be; None for the best that works here now
                without a question.
            passphrase: for the source 'passphrase', and for no other.
            aside: the name that a store which is there is to have from then on, in
                the moment in which the new one has its place; None where none may be.
                It must not be open.

        Raises:
            StoreExistsError: there is one, and no name for it.
            BadRequestError: a source that this system has not, or a passphrase
                missing or unasked.
            KeySourceUnavailableError: the source cannot be had now, or refused.
            StoreFailedError: the disk refused.
        """
        ...

    async def open(self, passphrase: Secret | None, *, ask: bool) -> GrantStore:
        """Open the store through one of its key slots, and in no other way.

        Args:
            passphrase: what the person typed, or None.
            ask: whether the desktop may ask the person, who then has half a minute;
                otherwise the answer comes within seconds.

        Raises:
            LockedError: a passphrase is needed, or the key cannot be had.
            WrongPassphraseError: it does not open.
            StoreCorruptError: the file cannot be read.
        """
        ...

    async def read_backup(self, backup: bytes, passphrase: Secret) -> object:
        """What is in a backup, for `restore`.

        Raises:
            BackupInvalidError: the bytes are none, or damaged.
            WrongPassphraseError: the passphrase does not open it.
        """
        ...

    async def restore(
        self,
        contents: object,
        source: str | None,
        passphrase: Secret | None,
        *,
        at: UnixTime,
        aside: str | None = None,
    ) -> GrantStore:
        """Make a new store of what was in a backup; see `create`.

        Args:
            contents: from `read_backup`.
            source: as for `create`.
            passphrase: as for `create`.
            at: now; every grant is marked as brought back then.
            aside: as for `create`.
        """
        ...

    def aside_name(self) -> str:
        """A name that nothing has, for a store whose place another takes."""
        ...

    async def remember(self, seconds: int) -> None:
        """Let the next daemon of this boot open the store without a question.

        Raises:
            KeySourceUnavailableError: this system keeps nothing so.
        """
        ...

    async def forget(self) -> None:
        """End what `remember` did."""
        ...


class StoreKeys(Protocol):
    """The ways to open the store that is open, and its contents as a whole."""

    async def sources(self) -> Sequence[SourceFacts]:
        """Every key source of this system, the best first. May take seconds."""
        ...

    async def add(self, source: str, passphrase: Secret | None) -> Slot:
        """One more way to open it.

        Raises:
            KeySlotError: there are too many.
            BadRequestError, KeySourceUnavailableError, StoreFailedError: as for
                `StoreDoor.create`.
        """
        ...

    async def remove(self, number: int) -> str | None:
        """Take one away.

        Returns:
            What its source could not take away and why, for people, or None.

        Raises:
            KeySlotError: there is none of this number, or it is the only one.
            StoreFailedError: the disk refused; nothing has changed.
        """
        ...

    async def rotate(
        self, number: int, passphrase: Secret | None
    ) -> tuple[Slot, str | None]:
        """A new key for one of them, and what is left of the old as from `remove`.

        The same errors as `add` and `remove`.
        """
        ...

    async def rotate_data_key(self, passphrases: Sequence[Secret]) -> None:
        """Seal every record anew under a new data key.

        Args:
            passphrases: of every slot that has one, in any order.

        Raises:
            KeySlotError: a slot cannot be opened with what was given.
            StoreFailedError: the disk refused; nothing has changed.
        """
        ...

    async def check(self) -> str | None:
        """What is wrong with the pages of the file, or None; reads all of it.

        Raises:
            StoreFailedError: the disk refused.
        """
        ...

    async def backup(self, passphrase: Secret, newest: Sequence[Grant] = ()) -> bytes:
        """Everything, sealed under a passphrase of its own.

        Args:
            passphrase: of the backup.
            newest: what the disk has refused, and so is in memory alone.

        Raises:
            BadRequestError: the passphrase is empty.
            StoreFailedError: the disk refused.
        """
        ...
