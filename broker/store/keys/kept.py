"""A key that the system keeps for the person, as an item of its keyring.

Knows no particular keyring: a `Keeper` does. The item's name is recorded in the store:

    {"store": the store's id in hex, "key": hex}

Each key has a name of its own: an older one of the same store, or that of another
store, is never written over. Beside them lies, in an item of its own, one note for
each store: its anchor, the last generation in decimal.
"""

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Protocol

import msgspec

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.model.secret import SecretBytes
from broker.store.anchor import AnchorUnavailableError
from broker.store.keys.source import (
    KeyParametersError,
    KeyUnavailableError,
    NewKey,
    RandomBytes,
    left,
)
from broker.store.sealing import KEY_BYTES, STORE_ID_BYTES

_NAME_BYTES = 8
_GENERATION = re.compile("[0-9]{1,19}")

_StoreId = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * STORE_ID_BYTES}}}$")]
_Name = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * _NAME_BYTES}}}$")]


class ItemName(msgspec.Struct, frozen=True, kw_only=True):
    """Which item holds the key; hex, no secret."""

    store: _StoreId
    key: _Name


class Keeper(Protocol):
    """A keyring of the system. All raise `KeyUnavailableError`.

    Only `add`, `find` and `remove` may ask the person, where the keeper was opened so.
    """

    def probe(self) -> None:
        """Return where `add` would keep a key now without a question."""
        ...

    def add(self, item: ItemName, key: SecretBytes) -> None:
        """Keep the key under this name, until the person takes it away."""
        ...

    def find(self, item: ItemName) -> SecretBytes | None:
        """The key of this name, or None where there is none."""
        ...

    def remove(self, item: ItemName) -> None:
        """Take the key of this name away, if there is one."""
        ...

    def note(self, store: str, text: str) -> None:
        """Keep this text, no secret, for the store, in the place of the last one.

        Touches no key's item: a rewrite that fails half-way must not cost a key.
        """
        ...

    def noted(self, store: str) -> str | None:
        """The text that is kept for the store, or None where there is none."""
        ...


OpenKeeper = Callable[[], AbstractContextManager[Keeper]]
"""May block, and may raise `KeyUnavailableError`."""


class KeptKey:
    """A keeper as a `KeySource`."""

    def __init__(
        self,
        name: str,
        open_keeper: OpenKeeper,
        open_quietly: OpenKeeper | None = None,
    ) -> None:
        """Take a way to the keeper.

        Args:
            name: of the key source.
            open_keeper: to make, recall and forget a key: may ask the person.
            open_quietly: for what never asks, and so need not be as patient;
                `open_keeper` by default.
        """
        self.name = name
        self._open_keeper = open_keeper
        self._open_quietly = open_quietly or open_keeper

    def probe(self) -> None:
        """Whether the keeper would keep a key now; see `KeySource.probe`."""
        with self._open_quietly() as keeper:
            keeper.probe()

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
        item = _parse_item(parameters)
        try:
            with self._open_keeper() as keeper:
                key = keeper.find(item)
        except KeyUnavailableError as exc:
            raise LockedError(reason=str(exc)) from exc
        if key is None:
            raise LockedError(reason=f"{self.name} holds no key of this store")
        return key

    def forget(self, parameters: str) -> str | None:
        """The item is gone; see `KeySource.forget`."""
        try:
            with self._open_keeper() as keeper:
                keeper.remove(_parse_item(parameters))
        except KeyParametersError:
            return left(self.name, "its name in the store is damaged")
        except KeyUnavailableError as exc:
            return left(self.name, str(exc))
        return None

    def anchor(self, parameters: str) -> "KeptAnchor":
        """The store's note beside its keys; see `KeySource.anchor`."""
        return KeptAnchor(self._open_quietly, _parse_item(parameters).store)

    def refused(self) -> LockedError:
        """The item was changed."""
        return LockedError(reason=f"the key that {self.name} holds is not this store's")


class KeptAnchor:
    """A keeper's note of one store as an `Anchor`."""

    def __init__(self, open_keeper: OpenKeeper, store: str) -> None:
        """Take a way to the keeper, and the store's id in hex."""
        self._open_keeper = open_keeper
        self._store = store

    def read(self) -> int | None:
        """See `Anchor`."""
        try:
            with self._open_keeper() as keeper:
                text = keeper.noted(self._store)
        except KeyUnavailableError as exc:
            raise AnchorUnavailableError(str(exc)) from exc
        return int(text) if text and _GENERATION.fullmatch(text) else None

    def write(self, generation: int) -> None:
        """See `Anchor`."""
        try:
            with self._open_keeper() as keeper:
                keeper.note(self._store, str(generation))
        except KeyUnavailableError as exc:
            raise AnchorUnavailableError(str(exc)) from exc


def _parse_item(parameters: str) -> ItemName:
    """The name that `make` recorded.

    Raises:
        KeyParametersError: it is none.
    """
    try:
        return msgspec.json.decode(parameters, type=ItemName)
    except (msgspec.DecodeError, ValueError) as exc:
        raise KeyParametersError from exc


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
