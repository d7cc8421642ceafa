"""The login keychain of macOS as a `Keeper`, through keyring's one backend for it.

By its class: which backend `keyring.get_keyring()` gives is a matter of a file and of
the environment, and could be one that writes in clear. Every program that the same
Python runs may read the item without a question.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from broker.model.secret import SecretBytes
from broker.store.keys.kept import ItemName, key_text, parse_key_text
from broker.store.keys.source import KeyUnavailableError

_SERVICE = "brokerd"


class _Backend(Protocol):
    """What is used of `keyring.backend.KeyringBackend`."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


class LoginKeychain:
    """The keychain that macOS opens as the person logs in."""

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend

    def add(self, item: ItemName, key: SecretBytes) -> None:
        """See `Keeper`."""
        self._backend.set_password(_SERVICE, _account(item), key_text(key))

    def find(self, item: ItemName) -> SecretBytes | None:
        """See `Keeper`."""
        found = self._backend.get_password(_SERVICE, _account(item))
        return None if found is None else parse_key_text(found.encode())


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
