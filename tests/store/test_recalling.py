"""Which key slot opens a store, and why none of the others does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.model.errors import (
    LockedError,
    StoreCorruptError,
    WrongPassphraseError,
)
from broker.model.secret import Secret
from broker.store.keys.kept import KeptKey
from broker.store.keys.passphrase import Passphrase
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeySource
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.fakes.keeper import MemoryKeeper
from tests.store.samples import a_grant, grants_in, key_file, tamper, typed

NAMES = ["home", "work"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SealedStore]:
    made = await create_store(path, key_file(path))
    for name in NAMES:
        await made.save(a_grant(name), replaces=None)
    yield made
    await made.close()


async def test_a_slot_whose_parameters_were_changed_opens_nothing(
    store: SealedStore, path: Path
) -> None:
    await store.close()
    other = KeyFile(path.with_name("store-0badcafe.key"))
    other.make(bytes, bytes(16))
    tamper(path, """UPDATE key_slot SET parameters = '{"file":"store-0badcafe.key"}'""")
    with pytest.raises(LockedError, match="not this store's"):
        await open_store(path, key_file(path))


async def test_parameters_that_no_source_writes_are_told_as_damage(
    store: SealedStore, path: Path
) -> None:
    await store.close()
    tamper(path, "UPDATE key_slot SET parameters = '{'")
    with pytest.raises(StoreCorruptError, match="plain key is damaged"):
        await open_store(path, key_file(path))


async def test_a_damaged_slot_does_not_keep_the_others_from_opening(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    await store.close()
    tamper(path, "UPDATE key_slot SET parameters = '{' WHERE slot = 1")
    assert await opened_by_any(path, key_file(path), typed("horse")) == NAMES


async def opened_by_any(path: Path, *sources: KeySource) -> list[str]:
    store = await open_store(path, *sources)
    names: list[str] = [grant.account.name for grant in await grants_in(store)]
    await store.close()
    return names


async def test_the_slots_are_tried_in_the_order_of_their_numbers(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    await store.close()
    again = await open_store(path, typed("horse"), key_file(path))
    assert again.opened_by == 1
    await again.close()


async def test_why_each_slot_does_not_open_is_told_once(
    store: SealedStore, path: Path
) -> None:
    keeper = MemoryKeeper()
    ring = KeptKey("ring", keeper.open)
    for source in (ring, ring, typed("horse")):
        await store.slots.add(source)
    await store.close()
    path.with_suffix(".key").unlink()
    keeper.locked = True
    with pytest.raises(LockedError) as caught:
        await open_store(path, key_file(path), ring)
    assert caught.value.reason.count("the keyring is locked") == 1
    assert "store.key cannot be read" in caught.value.reason
    assert caught.value.reason.endswith("; or a passphrase")


async def test_a_wrong_passphrase_is_told_before_all_else(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    await store.close()
    path.with_suffix(".key").unlink()
    with pytest.raises(WrongPassphraseError):
        await open_store(path, key_file(path), Passphrase(Secret("mule")))
