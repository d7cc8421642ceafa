"""The keys of one open store."""

from secrets import token_bytes

import pytest

from broker.model.secret import SecretBytes
from broker.store.schema import Header
from broker.store.sealer import Sealer, keys_of, new_slot
from broker.store.sealing import DataKeys, SealBrokenError, key_id

STORE_ID = b"one store of our"
KEYS = DataKeys(data=SecretBytes(b"d" * 32), index=SecretBytes(b"i" * 32))
OTHER = SecretBytes(b"o" * 32)
SALT = bytes(range(32))
ROW = b"r" * 32


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(STORE_ID, KEYS, token_bytes)


def test_what_is_sealed_opens_and_never_twice_the_same(sealer: Sealer) -> None:
    one, two = (sealer.seal("grant", ROW, 1, b"plain") for _ in range(2))
    assert sealer.open("grant", one) == sealer.open("grant", two) == b"plain"
    assert one.sealed != two.sealed
    assert one.key_id == key_id(KEYS.data) == sealer.key_id


def test_another_key_is_used_only_when_the_file_has_it(sealer: Sealer) -> None:
    before = sealer.seal("grant", ROW, 1, b"plain")
    sealer.expect(OTHER)
    assert sealer.keys == KEYS
    sealer.use(key_id(OTHER))
    after = sealer.seal("grant", ROW, 2, b"plain")
    assert after.key_id == key_id(OTHER)
    assert sealer.keys == DataKeys(data=OTHER, index=KEYS.index)
    assert sealer.open("grant", before) == sealer.open("grant", after)
    sealer.use(key_id(KEYS.data))  # it was not done after all
    assert sealer.keys == KEYS
    assert sealer.open("grant", after) == b"plain"


def test_a_key_that_nobody_expects_is_not_used(sealer: Sealer) -> None:
    sealer.use(key_id(OTHER))
    assert sealer.keys == KEYS


def test_what_was_forgotten_opens_nothing(sealer: Sealer) -> None:
    before = sealer.seal("grant", ROW, 1, b"plain")
    sealer.expect(OTHER)
    sealer.use(key_id(OTHER))
    sealer.forget_others()
    with pytest.raises(SealBrokenError):
        sealer.open("grant", before)
    sealer.use(key_id(KEYS.data))
    assert sealer.keys.data == OTHER


def test_when_its_keys_are_dropped_nothing_opens_and_no_name_is_found(
    sealer: Sealer,
) -> None:
    before = sealer.seal("grant", ROW, 1, b"plain")
    name = sealer.row_id("grant", "work")
    sealer.drop()
    with pytest.raises(SealBrokenError):
        sealer.open("grant", before)
    assert sealer.row_id("grant", "work") != name


def test_row_ids_and_presences_outlive_a_new_data_key(sealer: Sealer) -> None:
    before = sealer.row_id("grant", "work"), sealer.presence("grant", ROW, 1, SALT)
    sealer.expect(OTHER)
    sealer.use(key_id(OTHER))
    sealer.forget_others()
    assert (
        sealer.row_id("grant", "work"),
        sealer.presence("grant", ROW, 1, SALT),
    ) == before
    assert sealer.presence("grant", ROW, 2, SALT) != before[1]
    assert sealer.presence("setting", ROW, 1, SALT) != before[1]
    assert sealer.presence("grant", ROW, 1, bytes(32)) != before[1]


@pytest.mark.parametrize(
    ("source", "parameters", "key", "store_id"),
    [
        ("plain", "{}", OTHER, STORE_ID),
        ("plain", "{ }", KEYS.data, STORE_ID),
        ("other", "{}", KEYS.data, STORE_ID),
        ("plain", "{}", KEYS.data, bytes(16)),
    ],
)
def test_a_slot_gives_its_keys_for_its_key_its_place_and_its_store_alone(
    source: str, parameters: str, key: SecretBytes, store_id: bytes
) -> None:
    made = new_slot(
        1,
        "plain",
        "{}",
        key=KEYS.data,
        keys=KEYS,
        store_id=STORE_ID,
        nonce=bytes(12),
    )
    header = Header(store_id=STORE_ID, slots=(made,))
    assert keys_of(header, made, KEYS.data) == KEYS
    moved = type(made)(
        number=1, source=source, parameters=parameters, wrapped=made.wrapped
    )
    with pytest.raises(SealBrokenError):
        keys_of(Header(store_id=store_id, slots=(moved,)), moved, key)


def test_it_shows_no_key_in_its_repr(sealer: Sealer) -> None:
    sealer.expect(OTHER)
    shown = repr(sealer) + repr(vars(sealer)) + repr(sealer.keys)
    assert "dddd" not in shown
    assert "oooo" not in shown
    assert "iiii" not in shown
