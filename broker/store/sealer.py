"""The keys of one open store, and rows sealed and opened with them. Knows no file."""

from collections.abc import Callable

from broker.model.secret import SecretBytes
from broker.store.schema import Header, KeySlot, Kind, Row
from broker.store.sealing import (
    NONCE_BYTES,
    SALT_BYTES,
    DataKeys,
    Place,
    SealBrokenError,
    key_id,
    open_sealed,
    presence,
    row_id,
    seal,
    unwrap_keys,
    wrap_keys,
)


class Sealer:
    """Seals and opens the rows of one store.

    Knows two data keys while one takes the place of the other: which of them the file
    has, the file itself says (`use`).
    """

    def __init__(
        self, store_id: bytes, keys: DataKeys, random: Callable[[int], bytes]
    ) -> None:
        self.store_id = store_id
        self._index_key = keys.index
        self._key_id = key_id(keys.data)
        self._data_keys = {self._key_id: keys.data}
        self.random = random

    @property
    def key_id(self) -> bytes:
        """Of the data key in use."""
        return self._key_id

    @property
    def keys(self) -> DataKeys:
        """The keys in use."""
        return DataKeys(data=self._data_keys[self._key_id], index=self._index_key)

    def expect(self, data_key: SecretBytes) -> None:
        """Open with this data key, too: it may be the store's in a moment."""
        self._data_keys[key_id(data_key)] = data_key

    def use(self, key: bytes) -> None:
        """Seal with the data key of this id, as the store does; unknown ones are not.

        Args:
            key: the id in the head of the store.
        """
        if key in self._data_keys:
            self._key_id = key

    def forget_others(self) -> None:
        """Drop the data key that is not in use any more."""
        self._data_keys = {self._key_id: self._data_keys[self._key_id]}

    def drop(self) -> None:
        """Hold no key any more; nothing can be sealed or opened from now on.

        Not left to whoever frees this: a store and its parts know each other, and what
        was there when the daemon had started is never looked through for garbage.
        """
        self._data_keys, self._index_key = {}, SecretBytes(b"")

    def row_id(self, kind: Kind, name: str) -> bytes:
        """What stands for this name in the file."""
        return row_id(self._index_key, kind, name)

    def presence(self, kind: str, row: bytes, version: int, salt: bytes) -> bytes:
        """What stands for this record in the digest; see `sealing.presence`."""
        return presence(self._index_key, kind, row, version, salt)

    def seal(self, kind: str, row: bytes, version: int, record: bytes) -> Row:
        """A row of this record, under fresh salt and nonce.

        Args:
            kind: what it is.
            row: its id, from `row_id`.
            version: of the record.
            record: its bytes.
        """
        place = self._place(kind, row, version, self._key_id)
        salt, nonce = self.random(SALT_BYTES), self.random(NONCE_BYTES)
        data_key = self._data_keys[self._key_id]
        sealed = seal(data_key, place, record, salt=salt, nonce=nonce)
        return Row(id=row, version=version, key_id=self._key_id, sealed=sealed)

    def open(self, kind: str, row: Row) -> bytes:
        """The record of this row.

        Raises:
            SealBrokenError: see `sealing.open_sealed`; also a data key that is not
                this store's.
            SealNewerError: see `sealing.open_sealed`.
        """
        data_key = self._data_keys.get(row.key_id)
        if data_key is None:
            raise SealBrokenError
        place = self._place(kind, row.id, row.version, row.key_id)
        return open_sealed(data_key, place, row.sealed)

    def _place(self, kind: str, row: bytes, version: int, key: bytes) -> Place:
        return Place(
            store_id=self.store_id,
            key_id=key,
            kind=kind,
            row_id=row,
            version=version,
        )


def new_slot(
    number: int,
    source: str,
    parameters: str,
    *,
    key: SecretBytes,
    keys: DataKeys,
    store_id: bytes,
    nonce: bytes,
) -> KeySlot:
    """The slot through which `key`, from `source`, gives the keys of the store."""
    bound = _bound(source, parameters)
    wrapped = wrap_keys(key, keys, store_id=store_id, slot=bound, nonce=nonce)
    return KeySlot(number=number, source=source, parameters=parameters, wrapped=wrapped)


def keys_of(header: Header, slot: KeySlot, key: SecretBytes) -> DataKeys:
    """The keys of the store behind `slot`.

    Raises:
        SealBrokenError: `key` is not the slot's.
    """
    bound = _bound(slot.source, slot.parameters)
    return unwrap_keys(key, slot.wrapped, store_id=header.store_id, slot=bound)


def _bound(source: str, parameters: str) -> bytes:
    return f"{source}\0{parameters}".encode()
