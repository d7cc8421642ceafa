"""The ways to open the store that is open, changed by name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    BadRequestError,
    KeySlotError,
    LockedError,
    WrongPassphraseError,
)
from broker.model.secret import Secret
from broker.model.store import Slot
from broker.model.time import UnixTime
from broker.store.door import FileDoor
from broker.store.key_changes import KeyChanges
from broker.store.keys.kept import KeptKey
from broker.store.keys.names import SECRET_SERVICE
from broker.store.keys.unlock_cache import UnlockCache
from broker.store.opening import create_store
from broker.store.store import SealedStore
from tests.fakes.keeper import MemoryKeeper
from tests.fakes.timed_keyring import MemoryTimedKeyring
from tests.store.samples import a_grant, grants_in, typed

HORSE, MULE = Secret("horse"), Secret("mule")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[FileDoor]:
    made = FileDoor(tmp_path / "store.db")
    made._cache = UnlockCache(MemoryTimedKeyring())
    store = await made.create("plain", None)
    await store.save(a_grant("work"), replaces=None)
    yield made
    if made.opened is not None:
        await made.opened.close()


@pytest.fixture
def keys(door: FileDoor) -> KeyChanges:
    return KeyChanges(door)


def opened(door: FileDoor) -> SealedStore:
    assert door.opened is not None
    return door.opened


async def test_a_passphrase_is_added_and_opens_the_store(
    door: FileDoor, keys: KeyChanges
) -> None:
    assert await keys.add("passphrase", HORSE) == Slot(number=2, source="passphrase")
    assert door.slots() == (
        Slot(number=1, source="plain", is_in_use=True),
        Slot(number=2, source="passphrase"),
    )
    await opened(door).close()
    store = await door.open(HORSE, ask=False)
    assert store.opened_by == 2
    assert [slot.is_in_use for slot in door.slots()] == [False, True]


async def test_a_rotated_passphrase_takes_the_place_of_the_old(
    door: FileDoor, keys: KeyChanges
) -> None:
    await keys.add("passphrase", HORSE)
    slot, left = await keys.rotate(2, MULE)
    assert (slot.number, left) == (2, None)
    await opened(door).close()
    with pytest.raises(WrongPassphraseError):
        await door.open(HORSE, ask=False)
    await (await door.open(MULE, ask=False)).close()


async def test_a_key_that_its_keyring_does_not_give_up_is_told_and_its_slot_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")
    kept = KeptKey(SECRET_SERVICE, MemoryKeeper().open)
    store = await create_store(tmp_path / "kept.db", kept)
    await store.slots.add(typed("horse"))
    await store.close()
    door = FileDoor(tmp_path / "kept.db")
    store = await door.open(HORSE, ask=False)
    left = await KeyChanges(door).remove(1)
    assert left is not None
    assert left.startswith("the key is still kept by secret-service: ")
    assert [slot.number for slot in door.slots()] == [2]
    await store.close()


@pytest.mark.parametrize(
    ("number", "passphrase"), [(1, HORSE), (2, None), (2, Secret(""))]
)
async def test_a_rotation_is_refused_where_the_source_cannot_be_asked_so(
    keys: KeyChanges, number: int, passphrase: Secret | None
) -> None:
    await keys.add("passphrase", HORSE)
    with pytest.raises(BadRequestError):
        await keys.rotate(number, passphrase)


async def test_a_new_data_key_needs_the_passphrase_of_every_slot(
    door: FileDoor, keys: KeyChanges
) -> None:
    await keys.add("passphrase", HORSE)
    await keys.add("passphrase", MULE)
    before = opened(door).keys.data
    for given in ([], [HORSE], [HORSE, Secret("other")]):
        with pytest.raises(KeySlotError):
            await keys.rotate_data_key(given)
    assert opened(door).keys.data == before
    await keys.rotate_data_key([MULE, HORSE])
    assert opened(door).keys.data != before
    await opened(door).close()
    for passphrase in (HORSE, MULE, None):
        store = await door.open(passphrase, ask=False)
        assert [grant.account.name for grant in await grants_in(store)] == ["work"]
        await store.close()


async def test_a_slot_of_a_source_that_this_system_has_not_is_told_and_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "elsewhere.db"
    store = await create_store(path, typed("horse"))
    await store.slots.add(KeptKey("parchment", MemoryKeeper().open))
    await store.close()
    door = FileDoor(path)
    keys = KeyChanges(door)
    store = await door.open(HORSE, ask=False)
    for deed in (keys.remove(2), keys.rotate_data_key([HORSE])):
        with pytest.raises(KeySlotError, match="parchment"):
            await deed
    assert [slot.number for slot in door.slots()] == [1, 2]
    await store.close()


async def test_what_the_next_daemon_could_open_it_with_ends_with_a_way_in(
    door: FileDoor, keys: KeyChanges
) -> None:
    await keys.add("passphrase", HORSE)
    await door.remember(60)
    await keys.remove(1)
    await opened(door).close()
    with pytest.raises(LockedError, match="a passphrase is needed"):
        await door.open(None, ask=False)


async def test_what_the_next_daemon_could_open_it_with_ends_with_the_data_key(
    door: FileDoor, keys: KeyChanges
) -> None:
    await door.remember(60)
    await keys.rotate_data_key([])
    assert door._cache.recall(opened(door).store_id) is None
    await opened(door).close()
    assert (await door.open(None, ask=False)).opened_by == 1


async def test_a_slot_that_is_added_after_another_was_removed_is_not_in_use(
    door: FileDoor, keys: KeyChanges
) -> None:
    await keys.add("passphrase", HORSE)
    await opened(door).close()
    await door.open(HORSE, ask=False)
    await keys.remove(2)
    await keys.add("passphrase", MULE)
    assert door.slots() == (
        Slot(number=1, source="plain"),
        Slot(number=2, source="passphrase"),
    )


async def test_a_backup_opens_with_its_own_passphrase_alone(
    door: FileDoor, keys: KeyChanges
) -> None:
    made = await keys.backup(MULE)
    assert await door.read_backup(made, MULE) == await opened(door).contents()
    with pytest.raises(WrongPassphraseError):
        await door.read_backup(made, HORSE)
    with pytest.raises(BadRequestError):
        await keys.backup(Secret(""))


async def test_a_backup_takes_what_the_disk_has_refused_with_it(
    door: FileDoor, keys: KeyChanges
) -> None:
    await opened(door).save(a_grant("home"), replaces=None)
    newest = [a_grant("new"), a_grant("work", version=3)]
    contents = await door.read_backup(await keys.backup(MULE, newest=newest), MULE)
    await opened(door).close()
    at, aside = UnixTime(5), door.aside_name()
    restored = await door.restore(contents, "plain", None, at=at, aside=aside)
    found = {grant.account.name: grant.version for grant in await grants_in(restored)}
    assert found == {"home": 1, "new": 1, "work": 3}
    assert await restored.load(AccountName("new")) is not None


async def test_nothing_can_be_changed_while_the_store_is_not_open(
    door: FileDoor, keys: KeyChanges
) -> None:
    await opened(door).close()
    for deed in (
        keys.add("passphrase", HORSE),
        keys.remove(1),
        keys.rotate(1, None),
        keys.rotate_data_key([]),
        keys.backup(HORSE),
    ):
        with pytest.raises(LockedError, match="not open"):
            await deed


async def test_the_sources_of_this_system_are_told(keys: KeyChanges) -> None:
    assert "plain" in [one.name for one in await keys.sources()]
