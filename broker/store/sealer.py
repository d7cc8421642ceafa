"""The keys of one open store, and rows sealed and opened with them. Knows no file."""

from collections.abc import Callable

from broker.model.secret import SecretBytes
from broker.store.schema import Header, KeySlot, Kind, Row
from broker.store.sealing import (
    NONCE_BYTES,
    SALT_BYTES,
    Place,
    SealBrokenError,
    index_key,
    key_id,
    open_sealed,
    row_id,
    seal,
    unwrap_key,
    wrap_key,
)


class Sealer:
    """Seals and opens the rows of one store."""

    def __init__(
        self, store_id: bytes, data_key: SecretBytes, random: Callable[[int], bytes]
    ) -> None:
        self._store_id = store_id
        self._data_key = data_key
        self._index_key = index_key(data_key)
        self._key_id = key_id(data_key)
        self._random = random

    def row_id(self, kind: Kind, name: str) -> bytes:
        """What stands for this name in the file."""
        return row_id(self._index_key, kind, name)

    def seal(self, kind: Kind, name: str, version: int, record: bytes) -> Row:
        """A row of this record, under fresh salt and nonce."""
        place = self._place(kind, self.row_id(kind, name), version)
        salt, nonce = self._random(SALT_BYTES), self._random(NONCE_BYTES)
        sealed = seal(self._data_key, place, record, salt=salt, nonce=nonce)
        return Row(id=place.row_id, version=version, key_id=self._key_id, sealed=sealed)

    def open(self, kind: Kind, row: Row) -> bytes:
        """The record of this row.

        Raises:
            SealBrokenError: see `sealing.open_sealed`; also a data key that is not
                this one.
            SealNewerError: see `sealing.open_sealed`.
        """
        if row.key_id != self._key_id:
            raise SealBrokenError
        place = self._place(kind, row.id, row.version)
        return open_sealed(self._data_key, place, row.sealed)

    def _place(self, kind: Kind, row_id: bytes, version: int) -> Place:
        return Place(
            store_id=self._store_id,
            key_id=self._key_id,
            kind=kind,
            row_id=row_id,
            version=version,
        )


def new_slot(
    source: str,
    parameters: str,
    *,
    key: SecretBytes,
    data_key: SecretBytes,
    store_id: bytes,
    nonce: bytes,
) -> KeySlot:
    """The slot through which `key`, from `source`, gives the data key."""
    bound = _bound(source, parameters)
    wrapped = wrap_key(key, data_key, store_id=store_id, slot=bound, nonce=nonce)
    return KeySlot(source=source, parameters=parameters, wrapped=wrapped)


def data_key_of(header: Header, slot: KeySlot, key: SecretBytes) -> SecretBytes:
    """The data key behind `slot`.

    Raises:
        SealBrokenError: `key` is not the slot's.
    """
    bound = _bound(slot.source, slot.parameters)
    return unwrap_key(key, slot.wrapped, store_id=header.store_id, slot=bound)


def _bound(source: str, parameters: str) -> bytes:
    return f"{source}\0{parameters}".encode()
