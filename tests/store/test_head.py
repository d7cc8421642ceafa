"""The head: counts the writes, and knows which records must be there."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.model.errors import SettingDamagedError
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.store.format_1 import make_format_1
from tests.store.samples import (
    a_grant,
    bytes_in,
    grants_in,
    key_file,
    put_bytes,
    rows_of,
    tamper,
    typed,
)

WORK = AccountName("work")
HIGHEST = 2**63 - 1
RECORDS = "SELECT id, kind, version, key_id, sealed FROM record"
AN_OTHER_ID = b"\x01" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def closed_store(path: Path) -> None:
    """A store with 'home' and 'work' and a setting: four writes."""
    store = await create_store(path, key_file(path))
    for name in ("home", "work"):
        await store.save(a_grant(name), replaces=None)
    await store.save_setting("default_account", "work")
    await store.close()


async def reopened(path: Path) -> SealedStore:
    store = await open_store(path, key_file(path))
    await grants_in(store)
    return store


async def names_in(store: SealedStore) -> list[str]:
    return [grant.account.name for grant in await grants_in(store)]


def generation_in(path: Path) -> object:
    ((version,),) = rows_of(path, "SELECT version FROM record WHERE kind = 'head'")
    return version


# --- counting -------------------------------------------------------------------


WRITES: list[Callable[[SealedStore, Path], Awaitable[object]]] = [
    lambda store, _: store.save(a_grant("new"), replaces=None),
    lambda store, _: store.save(a_grant("work", version=2), replaces=1),
    lambda store, _: store.delete(WORK, replaces=1),
    lambda store, _: store.save_setting("default_account", "home"),
    lambda store, _: store.save_setting("default_account", None),
    lambda store, _: store.slots.add(typed("horse")),
    lambda store, path: store.slots.rotate(1, key_file(path)),
    lambda store, path: store.slots.rotate_data_key([key_file(path)]),
]


@pytest.mark.parametrize("write", WRITES)
async def test_each_write_moves_the_generation_on_by_one(
    path: Path, write: Callable[[SealedStore, Path], Awaitable[object]]
) -> None:
    await closed_store(path)
    store = await reopened(path)
    assert store.health.generation == 4
    await write(store, path)
    assert store.health.generation == 5
    await store.close()
    assert generation_in(path) == 5
    store = await reopened(path)
    assert store.health.generation == 5
    assert not store.health.is_altered
    await store.close()


async def test_a_read_and_a_refused_save_do_not_count(path: Path) -> None:
    await closed_store(path)
    store = await reopened(path)
    await grants_in(store)
    await store.load_setting("default_account")
    with pytest.raises(Exception, match="work"):
        await store.save(a_grant("work", version=9), replaces=8)
    await store.close()
    assert generation_in(path) == 4


# --- what others did to the file ------------------------------------------------


async def test_a_record_that_was_taken_away_is_noticed(path: Path) -> None:
    await closed_store(path)
    tamper(path, "DELETE FROM record WHERE kind = 'setting'")
    store = await reopened(path)
    assert store.health.is_altered
    assert await names_in(store) == ["home", "work"]
    await store.close()


async def test_a_record_that_was_put_back_from_an_older_copy_is_noticed(
    path: Path,
) -> None:
    await closed_store(path)
    before = rows_of(path, f"{RECORDS} WHERE kind = 'grant' AND version = 1")
    store = await reopened(path)
    for name in ("home", "work"):
        await store.save(a_grant(name, version=2, refresh_token="new"), replaces=1)
    await store.close()
    for row_id, _, version, _, sealed in before[:1]:
        tamper(
            path,
            "UPDATE record SET version = ?, sealed = ? WHERE id = ?",
            version,
            sealed,
            row_id,
        )
    store = await reopened(path)
    assert store.health.is_altered
    # It opens: it was a good record once. Only the head tells.
    assert {g.version for g in await grants_in(store)} == {1, 2}
    assert store.health.damaged == 0
    await store.close()


async def test_an_older_record_of_the_same_version_that_is_put_back_is_noticed(
    path: Path,
) -> None:
    await closed_store(path)
    [(row_id, _, _, _, older)] = rows_of(
        path, f"{RECORDS} WHERE kind = 'grant' AND version = 1 LIMIT 1"
    )
    store = await reopened(path)
    name = next(
        name
        for name in ("home", "work")
        if store._sealer.row_id("grant", name) == row_id
    )
    await store.delete(AccountName(name), replaces=1)
    await store.save(a_grant(name, refresh_token="newer"), replaces=None)
    await store.close()
    tamper(path, "UPDATE record SET sealed = ? WHERE id = ?", older, row_id)
    store = await reopened(path)
    assert store.health.is_altered
    await store.close()


async def test_a_new_data_key_settles_what_was_told_of_the_store(path: Path) -> None:
    await closed_store(path)
    older = bytes_in(path)
    store = await reopened(path)
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    put_bytes(path, older)
    tamper(path, "DELETE FROM record WHERE kind = 'grant' AND version = 1")
    store = await reopened(path)
    assert store.health.is_altered
    assert store.health.is_old_copy
    remembered = store.health.remembered
    await store.rotate_data_key([key_file(path)])
    assert not store.health.is_altered
    assert not store.health.is_old_copy
    await store.close()
    store = await reopened(path)
    assert not store.health.is_altered
    assert not store.health.is_old_copy
    assert store.health.generation == (remembered or 0) + 1
    await store.close()


async def test_a_record_that_was_forgotten_and_is_there_again_is_noticed(
    path: Path,
) -> None:
    await closed_store(path)
    before = rows_of(path, f"{RECORDS} WHERE kind = 'grant'")
    store = await reopened(path)
    await store.delete(WORK, replaces=1)
    await store.close()
    there = {row_id for (row_id,) in rows_of(path, "SELECT id FROM record")}
    for row in before:
        if row[0] not in there:
            tamper(path, "INSERT INTO record VALUES (?, ?, ?, ?, ?)", *row)
    store = await reopened(path)
    assert store.health.is_altered
    await store.close()


async def test_an_added_record_is_noticed(path: Path) -> None:
    await closed_store(path)
    tamper(
        path,
        "INSERT INTO record SELECT ?, kind, version, key_id, sealed FROM record"
        " WHERE kind = 'setting'",
        AN_OTHER_ID,
    )
    store = await reopened(path)
    assert store.health.is_altered
    assert await store.load_setting("default_account") == "work"
    await store.close()


async def test_what_was_noticed_is_still_told_after_more_saves(path: Path) -> None:
    await closed_store(path)
    tamper(path, "DELETE FROM record WHERE kind = 'setting'")
    store = await reopened(path)
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    store = await reopened(path)
    assert store.health.is_altered
    await store.close()


# --- a head that does not open --------------------------------------------------


async def test_a_damaged_head_is_put_aside_rebuilt_and_told_once(path: Path) -> None:
    await closed_store(path)
    tamper(path, "UPDATE record SET sealed = zeroblob(100) WHERE kind = 'head'")
    store = await reopened(path)
    assert store.health.is_altered
    assert store.health.generation == 5
    assert await names_in(store) == ["home", "work"]
    await store.close()
    assert rows_of(path, "SELECT kind, version FROM damaged_record") == [("head", 4)]
    store = await reopened(path)
    assert not store.health.is_altered
    assert store.health.generation == 5
    await store.close()


async def test_a_head_that_is_gone_is_told(path: Path) -> None:
    await closed_store(path)
    tamper(path, "DELETE FROM record WHERE kind = 'head'")
    store = await reopened(path)
    assert store.health.is_altered
    assert store.health.is_old_copy
    assert await names_in(store) == ["home", "work"]
    await store.close()


@pytest.mark.parametrize("version", [HIGHEST, HIGHEST - 1])
async def test_a_head_with_the_highest_number_there_is_keeps_nobody_out(
    path: Path, version: int
) -> None:
    await closed_store(path)
    tamper(path, "UPDATE record SET version = ? WHERE kind = 'head'", version)
    store = await reopened(path)
    assert store.health.is_altered
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    store = await reopened(path)
    assert not store.health.is_altered
    assert await names_in(store) == ["home", "work"]
    await store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE record SET sealed = zeroblob(9) WHERE kind = 'head'",
        "UPDATE record SET version = 77 WHERE kind = 'head'",
        "DELETE FROM record WHERE kind = 'head'",
    ],
)
async def test_a_head_that_is_damaged_while_the_store_is_open_stops_no_save(
    path: Path, damage: str
) -> None:
    await closed_store(path)
    store = await reopened(path)
    await store._database.write(lambda connection: connection.execute(damage).rowcount)
    await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    store = await reopened(path)
    assert not store.health.is_altered
    assert {g.version for g in await grants_in(store)} == {1, 2}
    await store.close()


def without_checks(path: Path, statement: str) -> None:
    """Change a store whose tables check nothing, as one that others made may be."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'CHECK (version >= 0)', '')"
    )
    connection.commit()
    connection.close()
    tamper(path, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET version = -5",
        "UPDATE record SET version = 'text'",
        "UPDATE record SET version = 1.5",
        "UPDATE record SET kind = CAST(x'67ff' AS TEXT)",
        "UPDATE record SET kind = x'00ff'",
        "UPDATE record SET id = 'text'",
        "UPDATE record SET key_id = 'eightwrd'",
        "UPDATE record SET sealed = 1.5",
    ],
)
async def test_a_record_of_values_that_we_never_write_costs_itself_alone(
    path: Path, statement: str
) -> None:
    await closed_store(path)
    without_checks(path, f"{statement} WHERE kind = 'setting'")
    store = await reopened(path)
    assert await names_in(store) == ["home", "work"]
    # Under another kind or id it is not found at all.
    with suppress(SettingDamagedError):
        assert await store.load_setting("default_account") is None
    await store.save_setting("default_account", "home")
    assert await store.load_setting("default_account") == "home"
    await store.slots.rotate_data_key([key_file(path)])
    assert await names_in(store) == ["home", "work"]
    await store.close()
    store = await reopened(path)
    assert await store.load_setting("default_account") == "home"
    await store.close()


# --- a store of format 1 --------------------------------------------------------


GRANTS = [a_grant("home"), a_grant("work", version=7)]


def major_of(path: Path) -> object:
    ((major,),) = rows_of(path, "PRAGMA user_version")
    return major


async def test_a_store_of_format_1_opens_with_all_its_grants_and_has_a_head_then(
    path: Path,
) -> None:
    make_format_1(path, key_file(path), *GRANTS)
    store = await reopened(path)
    assert await grants_in(store) == GRANTS
    assert await store.load(WORK) == GRANTS[1]
    health = store.health
    assert (health.generation, health.is_altered, health.is_old_copy) == (
        1,
        False,
        False,
    )
    await store.save(a_grant("work", version=8), replaces=7)
    await store.close()
    assert major_of(path) == 2
    tamper(path, "DELETE FROM record WHERE version = 8")
    store = await reopened(path)
    assert store.health.is_altered
    await store.close()


async def test_a_crash_while_it_is_migrated_leaves_format_1_as_it_was(
    path: Path,
) -> None:
    make_format_1(path, key_file(path), *GRANTS)
    before = rows_of(path, RECORDS)

    def crash(_: int) -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await open_store(path, key_file(path), random=crash)
    assert (major_of(path), rows_of(path, RECORDS)) == (1, before)
    store = await reopened(path)
    assert await grants_in(store) == GRANTS
    await store.close()


async def test_a_migrated_store_gets_keys_of_today_with_its_first_new_data_key(
    path: Path,
) -> None:
    make_format_1(path, key_file(path), *GRANTS)
    store = await reopened(path)
    await store.slots.add(typed("horse"))
    await store.slots.rotate_data_key([key_file(path), typed("horse")])
    await store.close()
    lengths = rows_of(path, "SELECT length(wrapped) FROM key_slot")
    assert lengths == [(92,), (92,)]
    for source in (key_file(path), typed("horse")):
        store = await open_store(path, source)
        assert await grants_in(store) == GRANTS
        await store.close()


async def test_an_older_number_alone_does_not_hide_that_a_record_is_gone(
    path: Path,
) -> None:
    await closed_store(path)
    tamper(path, "DELETE FROM record WHERE kind != 'grant'")
    tamper(path, "PRAGMA user_version = 1")
    store = await reopened(path)
    assert store.health.is_altered
    await store.close()
