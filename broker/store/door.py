"""The one store of this daemon, before it is open. Satisfies `StoreDoor`."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from broker.model.errors import BadRequestError, LockedError
from broker.model.secret import Secret
from broker.store.keys.dpapi import Dpapi, WindowsProtector
from broker.store.keys.kept import Keeper, KeptKey
from broker.store.keys.keychain import login_keychain
from broker.store.keys.names import (
    DPAPI,
    KEYCHAIN,
    PASSPHRASE,
    PLAIN,
    SECRET_SERVICE,
    SYSTEMD_CREDENTIAL,
    key_sources,
)
from broker.store.keys.passphrase import Passphrase
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeySource
from broker.store.keys.systemd_credential import SystemdCredential
from broker.store.store import (
    SealedStore,
    create_store,
    has_store,
    key_source_of,
    open_store,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Circumstances:
    """What a key source may need to know.

    Attributes:
        store: the store's file.
        passphrase: what the person typed; empty where nothing was.
        ask: whether the desktop may ask the person.
    """

    store: Path
    passphrase: Secret
    ask: bool


def _desktop_keyring(*, ask: bool) -> AbstractContextManager[Keeper]:
    # Here, and so on the store's thread: importing it takes a while.
    from broker.store.keys.secret_service import (  # noqa: PLC0415 - of Linux alone
        desktop_keyring,
    )

    return desktop_keyring(ask=ask)


_FACTORIES: Mapping[str, Callable[[_Circumstances], KeySource]] = {
    PLAIN: lambda at: KeyFile(at.store.with_suffix(".key")),
    PASSPHRASE: lambda at: Passphrase(at.passphrase),
    SECRET_SERVICE: lambda at: KeptKey(
        SECRET_SERVICE,
        lambda: _desktop_keyring(ask=at.ask),
        lambda: _desktop_keyring(ask=False),
    ),
    SYSTEMD_CREDENTIAL: lambda _: SystemdCredential(
        os.environ.get("CREDENTIALS_DIRECTORY")
    ),
    KEYCHAIN: lambda _: KeptKey(KEYCHAIN, login_keychain),
    DPAPI: lambda _: Dpapi(WindowsProtector()),
}
"""How each key source is had; which of them this system has, `key_sources` says."""


class FileDoor:
    """A store file and, for the source 'plain', the key file beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def exists(self) -> bool:
        """Whether a store has been made."""
        return has_store(self._path)

    def key_source(self) -> str:
        """The recorded source of its key; see `StoreDoor.key_source`."""
        return key_source_of(self._path)

    async def create(self, source: str, passphrase: Secret | None) -> SealedStore:
        """Make a new store; see `StoreDoor.create`."""
        if source not in key_sources():
            known = ", ".join(key_sources())
            raise BadRequestError(what=f"the key source is one of: {known}")
        if source == PASSPHRASE and passphrase is None:
            raise BadRequestError(what="this key source needs a passphrase")
        if source != PASSPHRASE and passphrase is not None:
            raise BadRequestError(what=f"the key source {source} takes no passphrase")
        made = self._source(source, passphrase, ask=True)
        return await create_store(self._path, made)

    async def open(self, passphrase: Secret | None, *, ask: bool) -> SealedStore:
        """Open the store with its recorded key source; see `StoreDoor.open`.

        A passphrase that the recorded source does not need is not looked at.
        """
        source = self.key_source()
        if source not in key_sources():
            raise LockedError(
                reason=f"this brokerd has no key source {source!r} on this system"
            )
        if source == PASSPHRASE and passphrase is None:
            raise LockedError(reason="a passphrase is needed")
        return await open_store(self._path, self._source(source, passphrase, ask=ask))

    def _source(
        self, source: str, passphrase: Secret | None, *, ask: bool
    ) -> KeySource:
        typed = Secret("") if passphrase is None else passphrase
        at = _Circumstances(store=self._path, passphrase=typed, ask=ask)
        return _FACTORIES[source](at)
