"""The one store of this daemon, before it is open. Satisfies `StoreDoor`."""

from pathlib import Path

from broker.model.errors import BadRequestError, LockedError
from broker.model.secret import Secret
from broker.store.keys.passphrase import PASSPHRASE, Passphrase
from broker.store.keys.plain import PLAIN, KeyFile
from broker.store.keys.source import KeySource
from broker.store.store import (
    SealedStore,
    create_store,
    has_store,
    key_source_of,
    open_store,
)


class FileDoor:
    """A store file and, for the source 'plain', the key file beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key_file = path.with_suffix(".key")

    def exists(self) -> bool:
        """Whether a store has been made."""
        return has_store(self._path)

    def key_source(self) -> str:
        """The recorded source of its key; see `StoreDoor.key_source`."""
        return key_source_of(self._path)

    async def create(self, source: str, passphrase: Secret | None) -> SealedStore:
        """Make a new store; see `StoreDoor.create`."""
        return await create_store(self._path, self._asked(source, passphrase))

    async def open(self, passphrase: Secret | None) -> SealedStore:
        """Open the store with its recorded key source; see `StoreDoor.open`.

        A passphrase that a recorded key file does not need is not looked at.
        """
        return await open_store(self._path, self._recorded(passphrase))

    def _asked(self, source: str, passphrase: Secret | None) -> KeySource:
        match source, passphrase:
            case "plain", None:
                return KeyFile(self._key_file)
            case "plain", _:
                raise BadRequestError(what="a key file takes no passphrase")
            case "passphrase", None:
                raise BadRequestError(what="this key source needs a passphrase")
            case "passphrase", Secret() as typed:
                return Passphrase(typed)
        raise BadRequestError(what=f"the key source is '{PLAIN}' or '{PASSPHRASE}'")

    def _recorded(self, passphrase: Secret | None) -> KeySource:
        source = self.key_source()
        if source == PLAIN:
            return KeyFile(self._key_file)
        if source != PASSPHRASE:
            raise LockedError(reason=f"this brokerd has no key source {source!r}")
        if passphrase is None:
            raise LockedError(reason="a passphrase is needed")
        return Passphrase(passphrase)
