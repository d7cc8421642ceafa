"""A store file made and opened."""

import errno
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    LockedError,
    StoreCorruptError,
    StoreExistsError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.secret import SecretBytes
from broker.store import building
from broker.store.keys.kept import KeptKey
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeySource
from broker.store.keys.unlock_cache import UnlockCache
from broker.store.opening import (
    create_store,
    open_store,
    open_store_by,
    slots_of,
)
from broker.store.sealing import DataKeys
from broker.store.store import SealedStore
from tests.fakes.keeper import MemoryKeeper
from tests.fakes.timed_keyring import MemoryTimedKeyring
from tests.store.disk import no_room_for_a_save
from tests.store.samples import (
    a_grant,
    bytes_in,
    copy_of,
    grants_in,
    key_file,
    modes_in,
    noted,
    put_bytes,
    tamper,
    typed,
)

WORK = AccountName("work")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def closed_store(path: Path, *others: KeySource) -> None:
    """A store with 'work', which a key file opens, and the others."""
    store = await create_store(path, key_file(path))
    await store.save(a_grant("work"), replaces=None)
    for other in others:
        await store.slots.add(other)
    await store.close()


async def is_whole(store: SealedStore) -> bool:
    found = [grant.account.name for grant in await grants_in(store)]
    health = store.health
    await store.close()
    return found == ["work"] and not health.is_altered and not health.damaged


# --- made -----------------------------------------------------------------------


async def test_a_store_is_never_made_over_another(path: Path) -> None:
    await closed_store(path)
    before = bytes_in(path)
    with pytest.raises(StoreExistsError):
        await create_store(path, typed("horse"))
    assert bytes_in(path) == before


async def test_a_new_store_that_cannot_be_served_is_let_go_of(path: Path) -> None:
    class Unreadable(KeyFile):
        def anchor(self, parameters: str) -> None:
            raise OSError(errno.EIO, parameters)

    with pytest.raises(OSError, match=r"store\.key"):
        await create_store(path, Unreadable(path.with_suffix(".key")))
    await (await open_store(path, key_file(path))).close()


# --- which slot -----------------------------------------------------------------


async def test_sources_are_chosen_by_what_the_store_says_it_has(path: Path) -> None:
    await closed_store(path, typed("horse"))
    asked: list[Sequence[str]] = []

    def choice(recorded: Sequence[str]) -> Sequence[KeySource]:
        asked.append(recorded)
        return [typed("horse")]

    store = await open_store_by(path, choice)
    assert asked == [["plain", "passphrase"]]
    assert store.opened_by == 2
    await store.close()


async def test_a_choice_that_is_refused_leaves_the_store_free(path: Path) -> None:
    await closed_store(path)

    def refuse(_: Sequence[str]) -> Sequence[KeySource]:
        raise LockedError(reason="nothing is at hand")

    with pytest.raises(LockedError, match="nothing is at hand"):
        await open_store_by(path, refuse)
    assert await is_whole(await open_store(path, key_file(path)))


async def test_a_slot_of_before_a_rotation_does_not_open_what_came_after(
    path: Path, tmp_path: Path
) -> None:
    # Whoever has an old data key would have the next sign-ins sealed under it.
    await closed_store(path)
    (old,) = slots_of(path)
    store = await open_store(path, key_file(path))
    await store.slots.rotate_data_key([key_file(path)])
    await store.close()
    tamper(path, "UPDATE key_slot SET wrapped = ?", old.wrapped)
    before = copy_of(tmp_path, tmp_path / "before")
    with pytest.raises(StoreCorruptError, match="opens nothing in it"):
        await open_store(path, key_file(path))
    assert bytes_in(path) == bytes_in(before / "store.db")


@pytest.mark.parametrize("word", [b"CREATE TABLE record", b"key_slot", b"NOT NULL"])
async def test_a_damaged_table_is_told_as_damage_and_the_file_is_left_as_it_is(
    path: Path, word: bytes
) -> None:
    await closed_store(path)
    whole = bytes_in(path)
    at = whole.index(word)
    # Not UTF-8 any more: SQLite's message quotes it, and Python cannot read that.
    spoiled = whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :]
    put_bytes(path, spoiled)
    for _ in range(2):
        with pytest.raises(StoreCorruptError):
            await open_store(path, key_file(path))
        with pytest.raises(StoreCorruptError):
            slots_of(path)
    assert bytes_in(path) == spoiled


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE record RENAME COLUMN sealed TO other",
        "ALTER TABLE record RENAME TO other",
        "DROP TABLE damaged_record",
    ],
)
async def test_a_table_that_is_not_there_is_damage_and_no_fault_of_the_disk(
    path: Path, statement: str
) -> None:
    await closed_store(path)
    tamper(path, statement)
    with pytest.raises(StoreCorruptError, match="no such"):
        await open_store(path, key_file(path))


# --- the cache ------------------------------------------------------------------


async def store_id_of(path: Path) -> bytes:
    store = await open_store(path, key_file(path))
    await store.close()
    return store.store_id


async def test_what_the_kernel_kept_opens_the_store_without_any_source(
    path: Path,
) -> None:
    await closed_store(path)
    cache = UnlockCache(MemoryTimedKeyring())
    store = await open_store(path, key_file(path), cache=cache)
    assert store.opened_by == 1
    assert cache.remember(store.store_id, store.keys, 60)
    await store.close()
    again = await open_store(path, cache=cache)
    assert again.opened_by is None
    assert again.health.opened_by is None
    assert await is_whole(again)


async def test_an_empty_cache_leaves_it_to_the_sources(path: Path) -> None:
    await closed_store(path)
    cache = UnlockCache(MemoryTimedKeyring())
    with pytest.raises(LockedError):
        await open_store(path, cache=cache)
    assert await is_whole(await open_store(path, key_file(path), cache=cache))


@pytest.mark.parametrize("size", [32, 64, 63, 0])
async def test_a_key_that_another_program_planted_opens_nothing_and_harms_nothing(
    path: Path, size: int
) -> None:
    await closed_store(path)
    keyring = MemoryTimedKeyring()
    store_id = await store_id_of(path)
    keyring.keep(f"brokerd:unlock:{store_id.hex()}", SecretBytes(b"x" * size), 60)
    store = await open_store(path, key_file(path), cache=UnlockCache(keyring))
    assert store.opened_by == 1
    assert await is_whole(store)


async def test_a_key_of_before_a_rotation_is_not_taken_from_the_cache(
    path: Path,
) -> None:
    await closed_store(path)
    cache = UnlockCache(MemoryTimedKeyring())
    store = await open_store(path, key_file(path))
    cache.remember(store.store_id, store.keys, 60)
    await store.slots.rotate_data_key([key_file(path)])
    await store.close()
    store = await open_store(path, key_file(path), cache=cache)
    assert store.opened_by == 1
    assert await is_whole(store)


async def test_the_right_data_key_with_another_index_key_is_not_taken_either(
    path: Path,
) -> None:
    # With it, no account would be found by its name, and each be saved twice.
    await closed_store(path)
    cache = UnlockCache(MemoryTimedKeyring())
    store = await open_store(path, key_file(path))
    planted = DataKeys(data=store.keys.data, index=SecretBytes(b"x" * 32))
    cache.remember(store.store_id, planted, 60)
    await store.close()
    store = await open_store(path, key_file(path), cache=cache)
    assert await store.load(WORK) == a_grant("work")
    assert await is_whole(store)


# --- an older copy --------------------------------------------------------------


@pytest.mark.parametrize("source", ["plain", "ring"])
async def test_an_older_copy_that_was_put_back_is_told(path: Path, source: str) -> None:
    keeper = MemoryKeeper()
    ring = KeptKey("ring", keeper.open)
    key: KeySource = ring if source == "ring" else key_file(path)
    store = await create_store(path, key)
    await store.save(a_grant("work"), replaces=None)
    await store.close()
    older = bytes_in(path)
    store = await open_store(path, key)
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    put_bytes(path, older)
    if source == "ring":  # whoever puts the folder back cannot put the keyring back
        path.with_suffix(".anchor").unlink()
    store = await open_store(path, key)
    assert store.health.is_old_copy
    assert (store.health.generation, store.health.remembered) == (2, 3)
    await store.close()


CHANGES: list[Callable[[SealedStore], Awaitable[object]]] = [
    lambda store: store.save(a_grant("new"), replaces=None),
    lambda store: store.delete(WORK, replaces=1),
    lambda store: store.slots.add(typed("horse")),
    lambda store: store.save_setting("default_account", "work"),
    lambda store: store.save(a_grant("work", version=2), replaces=1),
]


@pytest.mark.parametrize(
    ("change", "times", "is_told"),
    [(change, 1, True) for change in CHANGES[:3]]
    + [(CHANGES[3], 10, True), (CHANGES[3], 1, False), (CHANGES[4], 1, False)],
)
async def test_an_older_copy_of_before_a_crash_is_told_where_it_matters(
    path: Path,
    tmp_path: Path,
    change: Callable[[SealedStore], Awaitable[object]],
    times: int,
    *,
    is_told: bool,
) -> None:
    await closed_store(path)
    older = bytes_in(path)
    store = await open_store(path, key_file(path))
    for _ in range(times):
        await change(store)
    await noted(store)
    found = copy_of(tmp_path, tmp_path / "crashed") / "store.db"
    await store.close()
    found.with_name("store.db-wal").unlink()
    put_bytes(found, older)
    store = await open_store(found, key_file(found))
    assert store.health.is_old_copy is is_told
    await store.close()


async def test_a_store_that_was_only_closed_and_opened_is_no_older_copy(
    path: Path,
) -> None:
    await closed_store(path)
    for _ in range(3):
        store = await open_store(path, key_file(path))
        assert not store.health.is_old_copy
        await store.close()


async def test_a_crash_is_no_older_copy(path: Path, tmp_path: Path) -> None:
    await closed_store(path)
    store = await open_store(path, key_file(path))
    await store.save(a_grant("work", version=2), replaces=1)
    found = copy_of(tmp_path, tmp_path / "crashed") / "store.db"
    await store.close()
    store = await open_store(found, key_file(found))
    assert not store.health.is_old_copy
    await store.close()


async def test_a_save_that_the_disk_refused_makes_no_older_copy(path: Path) -> None:
    await closed_store(path)
    store = await open_store(path, key_file(path))
    with no_room_for_a_save(path), pytest.raises(StoreFailedError):
        await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    store = await open_store(path, key_file(path))
    assert not store.health.is_old_copy
    await store.close()


async def test_a_place_for_the_anchor_that_cannot_be_had_is_no_obstacle(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await closed_store(path)
    path.with_suffix(".anchor").unlink()
    path.with_suffix(".anchor").mkdir()
    store = await open_store(path, key_file(path))
    assert store.health.remembered is None
    assert await is_whole(store)
    assert "store.anchor.write.failed" in caplog.text


# --- renamed --------------------------------------------------------------------


async def test_a_store_whose_place_another_takes_is_whole_under_its_new_name(
    path: Path, tmp_path: Path
) -> None:
    store = await create_store(path, key_file(path))
    await store.save(a_grant("work"), replaces=None)
    # As a crash leaves it: what was saved last is in the log.
    crashed = copy_of(tmp_path, tmp_path / "crashed") / "store.db"
    await store.close()
    aside = crashed.with_name("old.db")
    new = await create_store(crashed, key_file(crashed), aside=aside)
    assert await grants_in(new) == []
    await new.close()
    assert await is_whole(await open_store(aside, key_file(aside.with_name("store"))))


@pytest.mark.parametrize("refusing", ["name_also", "replace"])
async def test_a_store_whose_place_cannot_be_taken_still_has_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    await closed_store(path)

    def refuse(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, refusing, refuse)
    with pytest.raises(StoreFailedError, match="No space left"):
        await create_store(path, key_file(path), aside=path.with_name("old.db"))
    assert await is_whole(await open_store(path, key_file(path)))


@pytest.fixture
def folder_in_its_place(path: Path) -> Path:
    path.mkdir()
    return path


async def test_what_is_no_file_at_all_makes_room_for_a_store(
    folder_in_its_place: Path,
) -> None:
    path, aside = folder_in_its_place, folder_in_its_place.with_name("old.db")
    await (await create_store(path, key_file(path), aside=aside)).close()
    assert "old.db" in modes_in(path.parent)


async def test_a_wrong_passphrase_leaves_the_store_free(path: Path) -> None:
    await closed_store(path, typed("horse"))
    with pytest.raises(WrongPassphraseError):
        await open_store(path, typed("mule"))
    assert await is_whole(await open_store(path, typed("horse")))
