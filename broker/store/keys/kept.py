"""A key that the system keeps for the person, as an item of its keyring.

Knows no particular keyring: a `Keeper` does. The item's name is recorded in the store:

    {"store": the store's id in hex, "key": hex}

Each key has a name of its own: an older one of the same store, or that of another
store, is never written over.
"""

import base64
import binascii
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Protocol

import msgspec

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.model.secret import SecretBytes
from broker.store.keys.source import (
    KeyParametersError,
    KeyUnavailableError,
    NewKey,
    RandomBytes,
)
from broker.store.sealing import KEY_BYTES, STORE_ID_BYTES

_NAME_BYTES = 8

_StoreId = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * STORE_ID_BYTES}}}$")]
_Name = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * _NAME_BYTES}}}$")]


class ItemName(msgspec.Struct, frozen=True, kw_only=True):
    """Which item holds the key; hex, no secret."""

    store: _StoreId
    key: _Name


class Keeper(Protocol):
    """A keyring of the system. Both raise `KeyUnavailableError`."""

    def add(self, item: ItemName, key: SecretBytes) -> None:
        """Keep the key under this name, until the person takes it away."""
        ...

    def find(self, item: ItemName) -> SecretBytes | None:
        """The key of this name, or None where there is none."""
        ...


class KeptKey:
    """A keeper as a `KeySource`."""

    def __init__(
        self, name: str, open_keeper: Callable[[], AbstractContextManager[Keeper]]
    ) -> None:
        """Take a way to the keeper.

        Args:
            name: of the key source.
            open_keeper: may block, and may raise `KeyUnavailableError`.
        """
        self.name = name
        self._open_keeper = open_keeper

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A new key, kept.

        Raises:
            KeySourceUnavailableError: the keeper cannot be reached, or refused.
        """
        item = ItemName(store=store_id.hex(), key=random(_NAME_BYTES).hex())
        key = SecretBytes(random(KEY_BYTES))
        try:
            with self._open_keeper() as keeper:
                keeper.add(item, key)
                kept = keeper.find(item)
        except KeyUnavailableError as exc:
            raise KeySourceUnavailableError(source=self.name, reason=str(exc)) from exc
        # A key that cannot be had again would cost every grant.
        if kept != key:
            raise KeySourceUnavailableError(
                source=self.name, reason="it did not keep the key"
            )
        return NewKey(key=key, parameters=msgspec.json.encode(item).decode())

    def recall(self, parameters: str) -> SecretBytes:
        """The key that is kept under the recorded name.

        Raises:
            LockedError: the keeper cannot be reached, refused, or has no such key.
            KeyParametersError: no name that `make` writes.
        """
        try:
            item = msgspec.json.decode(parameters, type=ItemName)
        except (msgspec.DecodeError, ValueError) as exc:
            raise KeyParametersError from exc
        try:
            with self._open_keeper() as keeper:
                key = keeper.find(item)
        except KeyUnavailableError as exc:
            raise LockedError(reason=str(exc)) from exc
        if key is None:
            raise LockedError(reason=f"{self.name} holds no key of this store")
        return key

    def refused(self) -> LockedError:
        """The item was changed."""
        return LockedError(reason=f"the key that {self.name} holds is not this store's")


def key_text(key: SecretBytes) -> str:
    """The key in base64url: keyrings keep what people type, and some only that."""
    return base64.urlsafe_b64encode(key.reveal()).decode()


def parse_key_text(text: bytes) -> SecretBytes:
    """A key in base64, of either alphabet, with or without its padding.

    Raises:
        KeyUnavailableError: it is no key.
    """
    letters = text.strip().rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        key = base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnavailableError("what is kept there is not a key")
    return SecretBytes(key)
