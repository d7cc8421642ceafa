import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.secret import SecretBytes
from broker.store.sealing import (
    DataKeys,
    Place,
    SealBrokenError,
    SealNewerError,
    index_key,
    key_id,
    open_sealed,
    presence,
    row_id,
    seal,
    unwrap_keys,
    wrap_keys,
)

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "sealing.json").read_text()
)
DATA_KEY = SecretBytes(bytes.fromhex(VECTORS["data_key"]))
STORE_ID = bytes.fromhex(VECTORS["store_id"])
KEY_ID = bytes.fromhex(VECTORS["key_id"])
RECORDS = VECTORS["records"]
PLACE = Place(
    store_id=STORE_ID, key_id=KEY_ID, kind="grant", row_id=bytes(32), version=3
)
KEYS = DataKeys(data=DATA_KEY, index=SecretBytes(bytes(range(32))))
SALT, NONCE = bytes(range(32)), bytes(range(12))
BLOB = seal(DATA_KEY, PLACE, b"a grant", salt=SALT, nonce=NONCE)


def place_of(vector: dict[str, str]) -> Place:
    return Place(
        store_id=STORE_ID,
        key_id=KEY_ID,
        kind=vector["kind"],
        row_id=bytes.fromhex(vector["row_id"]),
        version=int(vector["version"]),
    )


def test_published_keys_are_derived_again() -> None:
    assert index_key(DATA_KEY).reveal().hex() == VECTORS["index_key"]
    assert key_id(DATA_KEY).hex() == VECTORS["key_id"]


@pytest.mark.parametrize("vector", VECTORS["row_ids"])
def test_published_row_ids_are_computed_again(vector: dict[str, str]) -> None:
    own = row_id(index_key(DATA_KEY), vector["kind"], vector["name"])
    assert own.hex() == vector["row_id"]


@pytest.mark.parametrize("vector", RECORDS, ids=lambda vector: vector["says"])
def test_published_records_are_sealed_again(vector: dict[str, str]) -> None:
    sealed = seal(
        DATA_KEY,
        place_of(vector),
        bytes.fromhex(vector["plain"]),
        salt=bytes.fromhex(vector["salt"]),
        nonce=bytes.fromhex(vector["nonce"]),
    )
    assert sealed.hex() == vector["sealed"]


@pytest.mark.parametrize("vector", RECORDS, ids=lambda vector: vector["says"])
def test_published_records_open(vector: dict[str, str]) -> None:
    opened = open_sealed(DATA_KEY, place_of(vector), bytes.fromhex(vector["sealed"]))
    assert opened.hex() == vector["plain"]


@pytest.mark.parametrize("vector", VECTORS["wrapped_keys"], ids=lambda v: v["says"])
def test_published_wrapped_keys_open(vector: dict[str, str]) -> None:
    key = SecretBytes(bytes.fromhex(vector["key_encryption_key"]))
    slot, wrapped = bytes.fromhex(vector["slot"]), bytes.fromhex(vector["wrapped"])
    opened = unwrap_keys(key, wrapped, store_id=STORE_ID, slot=slot)
    assert opened.data == DATA_KEY
    assert opened.index.reveal().hex() == vector["index_key"]


def test_a_published_slot_of_today_is_wrapped_again() -> None:
    vector = VECTORS["wrapped_keys"][-1]
    index = SecretBytes(bytes.fromhex(vector["index_key"]))
    wrapped = wrap_keys(
        SecretBytes(bytes.fromhex(vector["key_encryption_key"])),
        DataKeys(data=DATA_KEY, index=index),
        store_id=STORE_ID,
        slot=bytes.fromhex(vector["slot"]),
        nonce=bytes.fromhex(vector["nonce"]),
    )
    assert wrapped.hex() == vector["wrapped"]


@pytest.mark.parametrize("vector", VECTORS["presences"])
def test_published_presences_are_computed_again(vector: dict[str, str]) -> None:
    row, version = bytes.fromhex(vector["row_id"]), int(vector["version"])
    salt = bytes.fromhex(vector["salt"])
    own = presence(index_key(DATA_KEY), vector["kind"], row, version, salt)
    assert own.hex() == vector["presence"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(replace(PLACE, row_id=bytes(31) + b"\1"), id="moved"),
        pytest.param(replace(PLACE, version=2), id="given another version"),
        pytest.param(replace(PLACE, kind="setting"), id="given another kind"),
        pytest.param(replace(PLACE, store_id=bytes(16)), id="from another store"),
        pytest.param(replace(PLACE, key_id=bytes(8)), id="of another key id"),
    ],
)
def test_a_record_does_not_open_elsewhere(elsewhere: Place) -> None:
    assert open_sealed(DATA_KEY, PLACE, BLOB) == b"a grant"
    with pytest.raises(SealBrokenError):
        open_sealed(DATA_KEY, elsewhere, BLOB)


def test_a_record_does_not_open_with_another_key() -> None:
    with pytest.raises(SealBrokenError):
        open_sealed(SecretBytes(bytes(32)), PLACE, BLOB)


@given(length=st.integers(min_value=0, max_value=len(BLOB) - 1))
def test_a_truncated_record_does_not_open(length: int) -> None:
    with pytest.raises(SealBrokenError):
        open_sealed(DATA_KEY, PLACE, BLOB[:length])


@given(
    at=st.integers(min_value=0, max_value=len(BLOB) - 1),
    bit=st.integers(min_value=0, max_value=7),
)
def test_a_record_with_one_flipped_bit_does_not_open(at: int, bit: int) -> None:
    flipped = bytearray(BLOB)
    flipped[at] ^= 1 << bit
    with pytest.raises((SealBrokenError, SealNewerError)):
        open_sealed(DATA_KEY, PLACE, bytes(flipped))


def test_a_newer_major_version_is_told_apart_from_damage() -> None:
    with pytest.raises(SealNewerError):
        open_sealed(DATA_KEY, PLACE, b"brk\x02" + BLOB[4:])


def test_the_same_record_under_another_salt_shares_no_ciphertext() -> None:
    other = seal(DATA_KEY, PLACE, b"a grant", salt=bytes(32), nonce=NONCE)
    assert other[-23:] != BLOB[-23:]


@pytest.mark.parametrize(
    ("store_id", "slot"), [(bytes(16), b"plain"), (STORE_ID, b"passphrase")]
)
def test_a_wrapped_key_does_not_open_in_another_store_or_slot(
    store_id: bytes, slot: bytes
) -> None:
    key = SecretBytes(bytes(32))
    wrapped = wrap_keys(key, KEYS, store_id=STORE_ID, slot=b"plain", nonce=NONCE)
    with pytest.raises(SealBrokenError):
        unwrap_keys(key, wrapped, store_id=store_id, slot=slot)


@pytest.mark.parametrize("length", [0, 11, 59, 60, 61, 91])
def test_a_truncated_wrapped_key_does_not_open(length: int) -> None:
    key = SecretBytes(bytes(32))
    wrapped = wrap_keys(key, KEYS, store_id=STORE_ID, slot=b"", nonce=NONCE)
    with pytest.raises(SealBrokenError):
        unwrap_keys(key, wrapped[:length], store_id=STORE_ID, slot=b"")
