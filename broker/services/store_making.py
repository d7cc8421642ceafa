"""Makes the store: new, or from a backup. What was there is set aside, not deleted."""

import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec

from broker.model.errors import LockedError, StoreExistsError
from broker.model.secret import Secret
from broker.services.interfaces import Clock
from broker.services.store_interfaces import StoreDoor
from broker.services.vault import Vault

log = logging.getLogger(__name__)


class NewStore(msgspec.Struct, frozen=True, kw_only=True):
    """How a store is to be made.

    Attributes:
        source: where its key will be; None for the best that works here.
        passphrase: for the source 'passphrase', and for no other.
        set_aside: whether a store that is there is to be renamed.
    """

    source: str | None = None
    passphrase: Secret | None = None
    set_aside: bool = False


class StoreMaker:
    """Makes the store that a vault then opens."""

    def __init__(self, *, vault: Vault, door: StoreDoor, clock: Clock) -> None:
        self._vault = vault
        self._door = door
        self._clock = clock

    async def create(self, new: NewStore) -> str | None:
        """Make an empty store.

        Returns:
            The name under which an older one lies now, or None.

        Raises:
            StoreExistsError: there is one, and it is open or is not to be set aside.
            BadRequestError, KeySourceUnavailableError, StoreFailedError: see
                `StoreDoor.create`; an older one is where it was.
        """
        self._door.require_source(new.source, new.passphrase)
        async with self._vault.changing:
            # An open one is a good one: only a backup may take its place.
            if self._vault.opened is not None:
                raise StoreExistsError
            aside = self._aside(new)
            made = await self._door.create(new.source, new.passphrase, aside=aside)
            _say_aside(aside)
            await self._vault.serve(made)
            log.info("store.created source=%s", self._door.slots()[0].source)
            return aside

    async def restore(
        self, backup: bytes, passphrase: Secret, new: NewStore
    ) -> str | None:
        """Make the store of what is in a backup; the same as `create` otherwise.

        An open store may be set aside, too: it is locked first.

        Raises:
            BackupInvalidError, WrongPassphraseError: the backup does not open.
            StoreFailedError: the open store has what is not on the disk yet.
        """
        self._door.require_source(new.source, new.passphrase)
        async with self._vault.changing:
            aside = self._aside(new)
            contents = await self._door.read_backup(backup, passphrase)
            async with self._shut():
                made = await self._door.restore(
                    contents,
                    new.source,
                    new.passphrase,
                    at=self._clock.now().wall,
                    aside=aside,
                )
            _say_aside(aside)
            await self._vault.serve(made)
            log.info("store.restored")
            return aside

    @contextlib.asynccontextmanager
    async def _shut(self) -> AsyncIterator[None]:
        """With the store shut; it is opened again where no other takes its place."""
        was_open = self._vault.opened is not None
        await self._vault.shut(LockedError(reason="a backup is being restored"))
        try:
            yield
        except BaseException:  # cancelled, too: else nobody could be served
            if was_open:
                await self._vault.open_again()
            raise

    def _aside(self, new: NewStore) -> str | None:
        """The name that a store which is there will have.

        Raises:
            StoreExistsError: there is one, and it is not to be set aside.
        """
        if not self._door.exists():
            return None
        if not new.set_aside:
            raise StoreExistsError
        return self._door.aside_name()


def _say_aside(name: str | None) -> None:
    if name is not None:
        log.warning("store.set_aside name=%s", name)
