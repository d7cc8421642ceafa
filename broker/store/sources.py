"""The key sources of this system, by name. Knows no store but where its file lies."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.store import SourceFacts
from broker.store.keys.names import (
    DPAPI,
    KEYCHAIN,
    PASSPHRASE,
    PLAIN,
    SECRET_SERVICE,
    SYSTEMD_CREDENTIAL,
    automatic_choice,
    key_sources,
)
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeySource, KeyUnavailableError

if TYPE_CHECKING:
    from broker.store.keys.kept import Keeper


class _Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a key source may need to know.

    Attributes:
        store: the store's file.
        passphrase: what the person typed; empty where nothing was.
        ask: whether the desktop may ask the person.
    """

    store: Path
    passphrase: Secret
    ask: bool


# Each is imported when it is wanted: a store has one or two of them, and importing that
# of the desktop takes a while, which is then spent on the store's thread.


def _passphrase(at: _Circumstances) -> KeySource:
    from broker.store.keys.passphrase import Passphrase  # noqa: PLC0415 - see above

    return Passphrase(at.passphrase)


def _secret_service(at: _Circumstances) -> KeySource:
    from broker.store.keys.kept import KeptKey  # noqa: PLC0415 - see above

    return KeptKey(
        SECRET_SERVICE,
        lambda: _desktop_keyring(ask=at.ask),
        lambda: _desktop_keyring(ask=False),
    )


def _desktop_keyring(*, ask: bool) -> AbstractContextManager["Keeper"]:
    from broker.store.keys.secret_service import (  # noqa: PLC0415 - see above
        desktop_keyring,
    )

    return desktop_keyring(ask=ask)


def _systemd_credential(_: _Circumstances) -> KeySource:
    from broker.store.keys.systemd_credential import (  # noqa: PLC0415 - see above
        SystemdCredential,
    )

    return SystemdCredential(os.environ.get("CREDENTIALS_DIRECTORY"))


def _keychain(_: _Circumstances) -> KeySource:
    from broker.store.keys.kept import KeptKey  # noqa: PLC0415 - see above
    from broker.store.keys.keychain import login_keychain  # noqa: PLC0415 - see above

    return KeptKey(KEYCHAIN, login_keychain)


def _dpapi(_: _Circumstances) -> KeySource:
    if sys.platform == "win32":
        from broker.host.dpapi import WindowsProtector  # noqa: PLC0415 - of it alone
        from broker.store.keys.dpapi import Dpapi  # noqa: PLC0415 - see above

        return Dpapi(WindowsProtector())
    raise NotImplementedError  # `key_sources` names it on Windows alone


_FACTORIES: Mapping[str, Callable[[_Circumstances], KeySource]] = {
    PLAIN: lambda at: KeyFile(at.store.with_suffix(".key")),
    PASSPHRASE: _passphrase,
    SECRET_SERVICE: _secret_service,
    SYSTEMD_CREDENTIAL: _systemd_credential,
    KEYCHAIN: _keychain,
    DPAPI: _dpapi,
}
"""How each key source is had; which of them this system has, `key_sources` says."""


class Sources:
    """Makes the key sources of one store."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def named(
        self, name: str, passphrase: Secret | None = None, *, ask: bool = False
    ) -> KeySource:
        """One source, for a key that is there already."""
        typed = Secret("") if passphrase is None else passphrase
        at = _Circumstances(store=self._store, passphrase=typed, ask=ask)
        return _FACTORIES[name](at)

    def for_a_new_key(self, name: str, passphrase: Secret | None) -> KeySource:
        """One source that is to make a key.

        Raises:
            BadRequestError: this system has not this source, or a passphrase is
                missing or unasked.
        """
        if name not in key_sources():
            known = ", ".join(key_sources())
            raise BadRequestError(what=f"the key source is one of: {known}")
        if name == PASSPHRASE and passphrase is None:
            raise BadRequestError(what="this key source needs a passphrase")
        if name != PASSPHRASE and passphrase is not None:
            raise BadRequestError(what=f"the key source {name} takes no passphrase")
        return self.named(name, passphrase, ask=True)

    def best(self) -> KeySource:
        """The first that works here now, where nobody chooses; blocks for seconds."""
        *choices, last = automatic_choice()
        for name in choices:
            source = self.named(name)
            if _fault(source) is None:
                return source
        return self.named(last)

    def facts(self) -> Sequence[SourceFacts]:
        """Every source of this system, the best first; blocks for seconds."""
        names = dict.fromkeys((*automatic_choice(), *key_sources()))
        faults = {name: _fault(self.named(name)) for name in names}
        return [
            SourceFacts(name=name, works=fault is None, reason=fault)
            for name, fault in faults.items()
        ]


def _fault(source: KeySource) -> str | None:
    try:
        source.probe()
    except KeyUnavailableError as exc:
        return str(exc)
    return None
