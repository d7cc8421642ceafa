"""The ways to the keys of an open store: added, taken away, and renewed."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_bytes

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    BadRequestError,
    KeySlotError,
    LockedError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.store.keys.kept import KeptKey
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeySource
from broker.store.opening import create_store, open_store
from broker.store.slots import SLOTS
from broker.store.store import SealedStore
from tests.fakes.keeper import MemoryKeeper
from tests.store.disk import MovedAway, no_room_for_a_save
from tests.store.samples import (
    a_grant,
    bytes_of,
    copy_of,
    grants_in,
    key_file,
    names_in,
    rows_of,
    tamper,
    typed,
)

WORK = AccountName("work")
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


async def opened_by(path: Path, source: KeySource) -> list[str]:
    """The accounts of the closed store, if all of it is in order."""
    store = await open_store(path, source)
    names: list[str] = [grant.account.name for grant in await grants_in(store)]
    health = store.health
    await store.close()
    assert (health.is_altered, health.damaged, health.is_old_copy) == (False, 0, False)
    return names


# --- one by one -----------------------------------------------------------------


async def test_each_slot_opens_the_store_alone(store: SealedStore, path: Path) -> None:
    slot = await store.slots.add(typed("horse"))
    assert (slot.number, slot.source) == (2, "passphrase")
    assert [s.number for s in store.slots.all] == [1, 2]
    await store.close()
    assert await opened_by(path, typed("horse")) == NAMES
    assert await opened_by(path, key_file(path)) == NAMES


async def test_a_slot_that_was_taken_away_opens_nothing(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    await store.slots.remove(1, key_file(path))
    assert not path.with_suffix(".key").exists()
    await store.close()
    with pytest.raises(LockedError, match="a passphrase is needed"):
        await open_store(path, key_file(path))
    assert await opened_by(path, typed("horse")) == NAMES


async def test_the_key_of_a_slot_that_was_taken_away_opens_not_even_its_copy(
    store: SealedStore, path: Path, tmp_path: Path
) -> None:
    # Not even by whoever kept the key file: its wrapped key is in no file any more.
    kept = path.with_suffix(".key").read_bytes()
    ((wrapped,),) = await store._database.read(
        lambda connection: connection.execute("SELECT wrapped FROM key_slot").fetchall()
    )
    assert wrapped in bytes_of(tmp_path)
    await store.slots.add(typed("horse"))
    await store.slots.remove(1, key_file(path))
    assert wrapped not in bytes_of(tmp_path)
    await store.close()
    path.with_suffix(".key").write_bytes(kept)
    path.with_suffix(".key").chmod(0o600)
    with pytest.raises(LockedError):
        await open_store(path, key_file(path))


async def test_the_only_slot_stays(store: SealedStore, path: Path) -> None:
    with pytest.raises(KeySlotError, match="the only way in"):
        await store.slots.remove(1, key_file(path))
    assert path.with_suffix(".key").exists()
    await store.close()
    assert await opened_by(path, key_file(path)) == NAMES


@pytest.mark.parametrize("number", [0, 2, -1])
async def test_a_slot_that_there_is_not_can_be_neither_found_nor_changed(
    store: SealedStore, path: Path, number: int
) -> None:
    with pytest.raises(KeySlotError, match="no such slot"):
        store.slots.find(number)
    with pytest.raises(KeySlotError, match="no such slot"):
        await store.slots.remove(number, key_file(path))
    with pytest.raises(KeySlotError, match="no such slot"):
        await store.slots.rotate(number, key_file(path))
    assert names_in(path.parent).count("store.key") == 1


async def test_a_store_has_so_many_slots_and_no_more(store: SealedStore) -> None:
    keeper = MemoryKeeper()
    for _ in range(SLOTS - 1):
        await store.slots.add(KeptKey("ring", keeper.open))
    with pytest.raises(KeySlotError, match=f"at most {SLOTS}"):
        await store.slots.add(KeptKey("ring", keeper.open))
    assert len(keeper.items) == SLOTS - 1


async def test_two_slots_that_are_added_at_once_are_two(
    store: SealedStore, path: Path
) -> None:
    await asyncio.gather(
        store.slots.add(typed("horse")), store.slots.add(typed("mule"))
    )
    assert [slot.number for slot in store.slots.all] == [1, 2, 3]
    await store.close()
    for passphrase in ("horse", "mule"):
        assert await opened_by(path, typed(passphrase)) == NAMES


async def test_of_two_who_take_the_last_two_slots_away_one_is_refused(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    results = await asyncio.gather(
        store.slots.remove(1, key_file(path)),
        store.slots.remove(2, typed("horse")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), KeySlotError]


async def test_a_slot_whose_key_cannot_be_made_changes_nothing(
    store: SealedStore,
) -> None:
    with pytest.raises(BadRequestError):
        await store.slots.add(typed(""))
    assert [slot.number for slot in store.slots.all] == [1]
    assert store.health.generation == 3


# --- a new key for a slot -------------------------------------------------------


async def test_a_rotated_slot_has_a_new_key_and_the_old_one_is_forgotten(
    store: SealedStore, path: Path
) -> None:
    old = path.with_suffix(".key")
    before = old.read_bytes()
    slot, left = await store.slots.rotate(1, key_file(path))
    assert (slot.number, left) == (1, None)
    assert not old.exists()
    (new,) = path.parent.glob("store-*.key")
    assert new.read_bytes() != before
    await store.close()
    assert await opened_by(path, key_file(path)) == NAMES


async def test_the_old_passphrase_opens_nothing_after_a_new_one(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    await store.slots.rotate(2, typed("mule"))
    await store.close()
    with pytest.raises(WrongPassphraseError):
        await open_store(path, typed("horse"))
    assert await opened_by(path, typed("mule")) == NAMES


async def test_a_slot_keeps_its_source(store: SealedStore) -> None:
    with pytest.raises(KeySlotError, match="its source is plain"):
        await store.slots.rotate(1, typed("horse"))
    assert store.slots.all[0].source == "plain"


async def test_a_rotated_slot_leaves_no_old_wrapped_key_in_any_file(
    store: SealedStore, path: Path
) -> None:
    old = store.slots.all[0].wrapped
    assert old in bytes_of(path.parent)
    await store.slots.rotate(1, key_file(path))
    assert old not in bytes_of(path.parent)


async def test_a_crash_before_the_old_key_is_forgotten_leaves_both_keys_and_one_way(
    store: SealedStore, path: Path, tmp_path: Path
) -> None:
    class Crashing(KeyFile):
        def forget(self, parameters: str) -> str | None:
            copy_of(path.parent, tmp_path / "crashed")
            return super().forget(parameters)

    await store.slots.rotate(1, Crashing(path.with_suffix(".key")))
    found = tmp_path / "crashed" / "store.db"
    assert len(list(found.parent.glob("*.key"))) == 2
    assert await opened_by(found, key_file(found)) == NAMES


async def test_a_new_key_that_the_disk_refuses_is_forgotten_and_the_old_one_stays(
    store: SealedStore, path: Path
) -> None:
    before = store.slots.all
    with no_room_for_a_save(path), pytest.raises(StoreFailedError):
        await store.slots.rotate(1, key_file(path))
    assert store.slots.all == before
    assert list(path.parent.glob("store*.key")) == [path.with_suffix(".key")]
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    assert await opened_by(path, key_file(path)) == NAMES


async def test_a_new_key_that_was_written_before_the_disk_failed_is_not_forgotten(
    path: Path,
) -> None:
    random = MovedAway(path)
    store = await create_store(path, key_file(path), random=random)
    random.is_near = True
    with pytest.raises(StoreFailedError, match="is gone"):
        await store.slots.rotate(1, key_file(path))
    random.put_back()
    await store.close()
    assert await opened_by(path, key_file(path)) == []


# --- a new data key -------------------------------------------------------------


def data_key(store: SealedStore) -> bytes:
    return store.keys.data.reveal()


async def test_every_record_opens_under_the_new_data_key_through_every_slot(
    store: SealedStore, path: Path
) -> None:
    await store.slots.add(typed("horse"))
    await store.slots.add(typed("mule"))
    old = data_key(store)
    # Several passphrases are tried in turn, whatever their order.
    await store.slots.rotate_data_key([typed("mule"), typed("horse"), key_file(path)])
    assert data_key(store) != old
    assert await store.load(WORK) == a_grant("work")
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    for source in (key_file(path), typed("horse"), typed("mule")):
        assert await opened_by(path, source) == NAMES


async def test_the_old_data_key_is_in_no_row_and_no_old_row_is_in_any_file(
    store: SealedStore, path: Path
) -> None:
    rows = await store._database.read(
        lambda connection: connection.execute(
            "SELECT key_id, sealed FROM record"
        ).fetchall()
    )
    (wrapped,) = [slot.wrapped for slot in store.slots.all]
    await store.slots.rotate_data_key([key_file(path)])
    found = bytes_of(path.parent)
    assert wrapped not in found
    assert [sealed for _, sealed in rows if sealed[:36] in found] == []
    await store.close()
    now = {key for (key,) in rows_of(path, "SELECT DISTINCT key_id FROM record")}
    assert len(now) == 1
    assert now & {key for key, _ in rows} == set()


async def test_a_damaged_record_is_put_aside_by_a_rotation_and_costs_nothing_more(
    store: SealedStore, path: Path
) -> None:
    await store.close()
    tamper(path, "UPDATE record SET sealed = zeroblob(200) WHERE rowid = 2")
    store = await open_store(path, key_file(path))
    await store.slots.rotate_data_key([key_file(path)])
    await store.close()
    assert rows_of(path, "SELECT kind FROM damaged_record") == [("grant",)]
    assert await opened_by(path, key_file(path)) == ["work"]


@pytest.mark.parametrize("passphrases", [(), ("mule",)])
async def test_a_slot_that_nobody_opens_refuses_the_rotation_and_nothing_changes(
    store: SealedStore, path: Path, passphrases: tuple[str, ...]
) -> None:
    await store.slots.add(typed("horse"))
    old, before = data_key(store), store.slots.all
    sources: list[KeySource] = [key_file(path), *map(typed, passphrases)]
    with pytest.raises(KeySlotError) as caught:
        await store.slots.rotate_data_key(sources)
    assert caught.value.slot == 2
    assert (data_key(store), store.slots.all) == (old, before)
    assert store.health.generation == 4
    await store.close()
    assert await opened_by(path, typed("horse")) == NAMES


async def test_a_rotation_that_the_disk_refuses_changes_nothing(
    store: SealedStore, path: Path
) -> None:
    with no_room_for_a_save(path), pytest.raises(StoreFailedError):
        await store.slots.rotate_data_key([key_file(path)])
    assert await store.load(WORK) == a_grant("work")
    await store.save(a_grant("work", version=2), replaces=1)
    assert await store.load(WORK) == a_grant("work", version=2)
    await store.close()
    assert await opened_by(path, key_file(path)) == NAMES


async def test_a_slot_added_after_a_rotation_that_was_refused_opens_the_store(
    store: SealedStore, path: Path
) -> None:
    with no_room_for_a_save(path), pytest.raises(StoreFailedError):
        await store.slots.rotate_data_key([key_file(path)])
    await store.slots.add(typed("horse"))
    await store.close()
    assert await opened_by(path, typed("horse")) == NAMES


async def test_a_rotation_that_was_refused_can_be_made_again(
    store: SealedStore, path: Path
) -> None:
    with no_room_for_a_save(path), pytest.raises(StoreFailedError):
        await store.slots.rotate_data_key([key_file(path)])
    await store.slots.rotate_data_key([key_file(path)])
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    assert await opened_by(path, key_file(path)) == NAMES


async def test_a_rotation_that_was_done_before_the_disk_failed_is_gone_on_with(
    path: Path,
) -> None:
    random = MovedAway(path)
    store = await create_store(path, key_file(path), random=random)
    await store.save(a_grant("work"), replaces=None)
    random.is_near = True
    with pytest.raises(StoreFailedError, match="is gone"):
        await store.slots.rotate_data_key([key_file(path)])
    random.put_back()
    assert await store.load(WORK) == a_grant("work")
    await store.save(a_grant("home"), replaces=None)
    await store.slots.add(typed("horse"))
    await store.close()
    assert await opened_by(path, key_file(path)) == NAMES
    assert await opened_by(path, typed("horse")) == NAMES


async def test_saves_and_reads_in_the_midst_of_rotations_all_go_through(
    store: SealedStore, path: Path
) -> None:
    async def saved(name: str) -> None:
        for version in range(1, 9):
            replaces = version - 1 or None
            await store.save(a_grant(name, version=version), replaces=replaces)
            assert await store.load(AccountName(name)) == a_grant(name, version=version)

    async def rotated() -> None:
        for _ in range(4):
            await store.slots.rotate_data_key([key_file(path)])
            await store.slots.rotate(1, key_file(path))

    names = [f"account-{number}" for number in range(8)]
    await asyncio.gather(rotated(), *(saved(name) for name in names))
    assert not store.health.damaged
    await store.close()
    assert await opened_by(path, key_file(path)) == sorted([*names, *NAMES])


async def test_a_slot_that_nobody_waits_for_any_more_is_known_all_the_same(
    path: Path,
) -> None:
    loop = asyncio.get_running_loop()
    adding: list[asyncio.Task[object]] = []

    def random(size: int) -> bytes:
        if adding and threading.current_thread().name.startswith("store"):
            loop.call_soon_threadsafe(adding.pop().cancel)
        return token_bytes(size)

    store = await create_store(path, key_file(path), random=random)
    task = asyncio.create_task(store.slots.add(typed("horse")), name="add")
    adding.append(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.slots.add(typed("mule"))
    assert [slot.number for slot in store.slots.all] == [1, 2, 3]
    assert store.health.generation == 3
    await store.close()
    assert await opened_by(path, typed("horse")) == []


async def test_a_slot_that_was_written_before_the_disk_failed_takes_part_in_all(
    path: Path,
) -> None:
    random = MovedAway(path)
    store = await create_store(path, key_file(path), random=random)
    await store.save(a_grant("work"), replaces=None)
    random.is_near = True
    with pytest.raises(StoreFailedError, match="is gone"):
        await store.slots.add(typed("horse"))
    random.put_back()
    with pytest.raises(KeySlotError, match="passphrase"):
        await store.slots.rotate_data_key([key_file(path)])
    await store.slots.rotate_data_key([key_file(path), typed("horse")])
    await store.close()
    assert await opened_by(path, typed("horse")) == ["work"]
    store = await open_store(path, key_file(path))
    await store.slots.remove(2, typed("horse"))
    await store.close()


async def test_a_slot_shows_no_key_in_its_repr(store: SealedStore) -> None:
    shown = repr(store.slots.all) + repr(store.keys) + repr(store.slots)
    for key in (store.keys.data, store.keys.index):
        assert repr(key.reveal()) not in shown
    # No secret, but enough to try passphrases on.
    assert "wrapped" not in shown
    assert "SecretBytes(***)" in shown
