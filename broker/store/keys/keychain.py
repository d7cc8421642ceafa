"""The login keychain of macOS as a `Keeper`, through keyring's one backend for it.

By its class: which backend `keyring.get_keyring()` gives is a matter of a file and of
the environment, and could be one that writes in clear. Every program that the same
Python runs may read the item without a question.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from broker.model.secret import SecretBytes
from broker.store.keys.kept import ItemName, key_text, parse_key_text
from broker.store.keys.source import KeyUnavailableError

_SERVICE = "brokerd"

_FRAMEWORK = "/System/Library/Frameworks/Security.framework/Security"
# SecKeychain.h.
_UNLOCKED = 0x1
_WRITABLE = 0x4


class _Backend(Protocol):
    """What is used of `keyring.backend.KeyringBackend`."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


def keychain_status() -> int:
    """The bits of the person's default keychain; macOS asks nobody for them.

    Raises:
        KeyUnavailableError: there is none.
    """
    status = ctypes.c_uint32()
    security = ctypes.CDLL(_FRAMEWORK)
    # Deprecated, like every call that knows of locks, and without a successor.
    if security.SecKeychainGetStatus(None, ctypes.byref(status)) != 0:
        raise KeyUnavailableError("there is no login keychain")
    return status.value


class LoginKeychain:
    """The keychain that macOS opens as the person logs in."""

    def __init__(
        self, backend: _Backend, status: Callable[[], int] = keychain_status
    ) -> None:
        self._backend = backend
        self._status = status

    def probe(self) -> None:
        """See `Keeper`."""
        if not self._status() & _UNLOCKED:
            raise KeyUnavailableError("the login keychain is locked")
        if not self._status() & _WRITABLE:
            raise KeyUnavailableError("the login keychain cannot be written to")

    def add(self, item: ItemName, key: SecretBytes) -> None:
        """See `Keeper`."""
        self._backend.set_password(_SERVICE, _account(item), key_text(key))

    def find(self, item: ItemName) -> SecretBytes | None:
        """See `Keeper`."""
        found = self._backend.get_password(_SERVICE, _account(item))
        return None if found is None else parse_key_text(found.encode())

    def remove(self, item: ItemName) -> None:
        """See `Keeper`."""
        if self._backend.get_password(_SERVICE, _account(item)) is not None:
            self._backend.delete_password(_SERVICE, _account(item))

    def note(self, store: str, text: str) -> None:
        """See `Keeper`."""
        self.probe()  # macOS would ask for the keychain's password
        self._backend.set_password(_SERVICE, _note_account(store), text)

    def noted(self, store: str) -> str | None:
        """See `Keeper`."""
        self.probe()  # as above
        return self._backend.get_password(_SERVICE, _note_account(store))


@contextmanager
def login_keychain() -> Iterator[LoginKeychain]:
    """The keychain; macOS may ask the person, and blocks as long as he thinks.

    Raises:
        KeyUnavailableError: it is locked (over ssh it is), or refused.
    """
    from keyring.backends import macOS  # noqa: PLC0415 - installed on macOS alone
    from keyring.errors import KeyringError, KeyringLocked  # noqa: PLC0415 - as above

    try:
        yield LoginKeychain(macOS.Keyring())
    except KeyringLocked as exc:
        raise KeyUnavailableError(
            "the login keychain is locked, or its question was refused"
        ) from exc
    except KeyringError as exc:
        raise KeyUnavailableError("the login keychain refused") from exc


def _account(item: ItemName) -> str:
    return f"{item.store}.{item.key}"


def _note_account(store: str) -> str:
    return f"{store}.generation"
