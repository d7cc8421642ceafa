"""How a record is sealed, byte by byte. Knows no file, no grant and no randomness.

A store has one data key. Each record is sealed under a key of its own, derived from
the data key and a fresh salt, so that no number of saves wears a key out. What the
record is and where it lies goes in as associated data: a blob that was moved, swapped,
given another version or brought from another store does not open. The data key lies
in the store, wrapped by the key-encryption key that a key source gives.

Every layout here is fixed by tests/vectors/sealing.json.
"""

import hashlib
import hmac
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.model.secret import SecretBytes

MAJOR = 1
"""A reader refuses a newer one: the bytes mean something else there."""

KEY_BYTES = 32
STORE_ID_BYTES = 16
KEY_ID_BYTES = 8
SALT_BYTES = 32
NONCE_BYTES = 12
"""NIST SP 800-38D section 8.2: 96 bits."""

_MAGIC = b"brk"
HEAD_BYTES = len(_MAGIC) + 1
"""Of a sealed record, before its salt."""
_TAG_BYTES = 16

WRAPPED_BYTES_1 = NONCE_BYTES + KEY_BYTES + _TAG_BYTES
"""Of a wrapped key of format 1, which has no index key of its own."""

_RECORD_LABEL = b"brokerd/record/v1/"
_RECORD_DATA_LABEL = b"brokerd/record-data/v1"
_WRAP_LABEL = b"brokerd/wrapped-key/v1"
_INDEX_LABEL = b"brokerd/index-key/v1"
_PRESENCE_LABEL = b"brokerd/presence/v1"
_KEY_ID_LABEL = b"brokerd/key-id/v1"


class SealBrokenError(Exception):
    """These bytes were not sealed with this key for this place, or were changed."""


class SealNewerError(Exception):
    """These bytes were sealed by a newer major version."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a record is and where it lies; sealed into it.

    Attributes:
        store_id: 16 bytes, another for each store.
        key_id: 8 bytes, see `key_id`.
        kind: what it is, such as 'grant'.
        row_id: 32 bytes, see `row_id`.
        version: unsigned, below 2**63 (SQLite's integers).
    """

    store_id: bytes
    key_id: bytes
    kind: str
    row_id: bytes
    version: int


def seal(
    data_key: SecretBytes, place: Place, plain: bytes, *, salt: bytes, nonce: bytes
) -> bytes:
    """`plain`, sealed for `place`.

    Args:
        data_key: 32 bytes.
        place: where the record will lie.
        plain: the record.
        salt: 32 fresh random bytes.
        nonce: 12 fresh random bytes.

    Returns:
        'brk' | major (1 byte) | salt | nonce | AES-256-GCM ciphertext and tag.
    """
    cipher = AESGCM(_record_key(data_key, place.kind, salt))
    sealed = cipher.encrypt(nonce, plain, _associated_data(place))
    return _MAGIC + bytes([MAJOR]) + salt + nonce + sealed


def open_sealed(data_key: SecretBytes, place: Place, blob: bytes) -> bytes:
    """The record that was sealed for `place`.

    Raises:
        SealBrokenError: changed, truncated, moved, or sealed with another key.
        SealNewerError: sealed by a newer major version.
    """
    head, body = blob[:HEAD_BYTES], blob[HEAD_BYTES:]
    if head[:-1] != _MAGIC or len(body) < SALT_BYTES + NONCE_BYTES + _TAG_BYTES:
        raise SealBrokenError
    if head[-1] > MAJOR:
        raise SealNewerError
    if head[-1] != MAJOR:
        raise SealBrokenError
    salt, rest = body[:SALT_BYTES], body[SALT_BYTES:]
    nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    cipher = AESGCM(_record_key(data_key, place.kind, salt))
    try:
        return cipher.decrypt(nonce, sealed, _associated_data(place))
    except InvalidTag:
        raise SealBrokenError from None


class DataKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What opens a store, behind every slot.

    Attributes:
        data: seals the records; 32 bytes.
        index: turns names into row ids; 32 bytes. Apart from the data key, so that a
            rotation leaves every record where it lies.
    """

    data: SecretBytes
    index: SecretBytes


def joined_keys(keys: DataKeys) -> SecretBytes:
    """Both keys: data | index, 64 bytes."""
    return SecretBytes(keys.data.reveal() + keys.index.reveal())


def parse_joined_keys(joined: bytes) -> DataKeys:
    """The keys again; 32 bytes are a data key of format 1, which gives the index key.

    Raises:
        SealBrokenError: neither 32 nor 64 bytes.
    """
    data, index = SecretBytes(joined[:KEY_BYTES]), SecretBytes(joined[KEY_BYTES:])
    if len(joined) == KEY_BYTES:
        return DataKeys(data=data, index=index_key(data))
    if len(joined) != 2 * KEY_BYTES:
        raise SealBrokenError
    return DataKeys(data=data, index=index)


def wrap_keys(
    key_encryption_key: SecretBytes,
    keys: DataKeys,
    *,
    store_id: bytes,
    slot: bytes,
    nonce: bytes,
) -> bytes:
    """The keys of a store, sealed under the key that a source gives.

    Args:
        key_encryption_key: 32 bytes.
        keys: of the store.
        store_id: of the store the keys belong to.
        slot: what is recorded beside them in clear (the source and its parameters), so
            that nobody can change that unseen.
        nonce: 12 fresh random bytes.

    Returns:
        nonce | AES-256-GCM ciphertext and tag: 92 bytes.
    """
    cipher = AESGCM(key_encryption_key.reveal())
    bound = _joined(_WRAP_LABEL, store_id, slot)
    return nonce + cipher.encrypt(nonce, joined_keys(keys).reveal(), bound)


def unwrap_keys(
    key_encryption_key: SecretBytes, wrapped: bytes, *, store_id: bytes, slot: bytes
) -> DataKeys:
    """The keys again; the arguments as for `wrap_keys`.

    Raises:
        SealBrokenError: another key, another store, another slot, or changed bytes.
    """
    if len(wrapped) < WRAPPED_BYTES_1:
        raise SealBrokenError
    cipher = AESGCM(key_encryption_key.reveal())
    nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
    try:
        bound = _joined(_WRAP_LABEL, store_id, slot)
        return parse_joined_keys(cipher.decrypt(nonce, sealed, bound))
    except InvalidTag:
        raise SealBrokenError from None


def index_key(data_key: SecretBytes) -> SecretBytes:
    """The index key of a store of format 1, which has none of its own: 32 bytes."""
    return SecretBytes(_derived(data_key, _INDEX_LABEL))


def row_id(index_key: SecretBytes, kind: str, name: str) -> bytes:
    """What stands for a name in the file, where no name is in clear: 32 bytes."""
    text = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
    return hmac.digest(index_key.reveal(), text, hashlib.sha256)


def key_id(data_key: SecretBytes) -> bytes:
    """Which data key sealed a record, for the days when there are two: 8 bytes."""
    return _derived(data_key, _KEY_ID_LABEL, length=KEY_ID_BYTES)


def presence(
    index_key: SecretBytes, kind: str, row_id: bytes, version: int, salt: bytes
) -> bytes:
    """What stands for "this record is there" in the digest of a store: 32 bytes.

    The digest is the exclusive or of all of them: one save changes it in one step, and
    whoever takes records away, or puts old ones back, cannot make it fit.

    Args:
        index_key: 32 bytes.
        kind: what it is.
        row_id: where it lies.
        version: of the record.
        salt: of its seal: a record that was made anew may have the version of one
            that was there before.
    """
    of_the_kind = _joined_once(_PRESENCE_LABEL, kind.encode())
    text = of_the_kind + _joined(row_id, version.to_bytes(8, "big"), salt)
    return hmac.digest(index_key.reveal(), text, hashlib.sha256)


def _record_key(data_key: SecretBytes, kind: str, salt: bytes) -> bytes:
    return _derived(data_key, _RECORD_LABEL + kind.encode(), salt=salt)


def _derived(
    data_key: SecretBytes, info: bytes, *, salt: bytes = b"", length: int = KEY_BYTES
) -> bytes:
    """HKDF with SHA-256 (RFC 5869)."""
    hkdf = HKDF(algorithm=SHA256(), length=length, salt=salt, info=info)
    return hkdf.derive(data_key.reveal())


def _associated_data(place: Place) -> bytes:
    of_the_kind = _joined_once(_RECORD_DATA_LABEL, place.store_id, place.kind.encode())
    version = place.version.to_bytes(8, "big")
    return of_the_kind + _joined(place.row_id, version, place.key_id)


@lru_cache(maxsize=64)
def _joined_once(*parts: bytes) -> bytes:
    """What ten thousand records have in common. No secret."""
    return _joined(*parts)


def _joined(*parts: bytes) -> bytes:
    """Each part behind its length (4 bytes): no two lists give the same bytes."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
