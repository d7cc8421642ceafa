import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.model.errors import StoreFailedError
from broker.store.database import Database
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    store = await create_store(tmp_path / "store.db", KeyFile(tmp_path / "store.key"))
    await store.close()
    return tmp_path / "store.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(path)
    yield opened
    await opened.close()


def add_slot(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO key_slot (source, parameters, wrapped) VALUES ('x', '', x'00')"
    )


def count_slots(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM key_slot").fetchone()
    return int(count)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("locking_mode", "exclusive"),
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("fullfsync", 1),
        ("checkpoint_fullfsync", 1),
        ("secure_delete", 1),
        ("temp_store", 2),
        ("mmap_size", 0),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
    ],
)
async def test_an_open_store_runs_with_every_caution(
    database: Database, pragma: str, value: object
) -> None:
    def ask(connection: sqlite3.Connection) -> object:
        (answer,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        return answer

    assert await database.read(ask) == value


async def test_no_shared_memory_file_is_made(database: Database, path: Path) -> None:
    await database.write(add_slot)
    assert not path.with_name("store.db-shm").exists()


async def test_work_that_fails_leaves_nothing_behind(database: Database) -> None:
    def fail_half_way(connection: sqlite3.Connection) -> None:
        add_slot(connection)
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(fail_half_way)
    assert await database.read(count_slots) == 1
    await database.write(add_slot)
    assert await database.read(count_slots) == 2


async def test_a_file_that_vanishes_during_a_save_is_seen_before_it_is_acknowledged(
    database: Database, path: Path
) -> None:
    def vanish(connection: sqlite3.Connection) -> None:
        add_slot(connection)
        path.unlink()

    with pytest.raises(StoreFailedError, match="is gone"):
        await database.write(vanish)


async def test_all_work_is_done_on_one_thread_that_is_not_the_loop(
    database: Database,
) -> None:
    def name(_: sqlite3.Connection) -> str:
        return threading.current_thread().name

    names = {await database.read(name), await database.write(name)}
    assert names == {"store_0"}


async def test_an_opening_that_is_cancelled_leaves_the_file_free(path: Path) -> None:
    opening = asyncio.create_task(Database.open(path), name="opening")
    await asyncio.sleep(0)  # it has begun, and waits for its thread
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await (await Database.open(path)).close()


async def test_work_under_way_is_finished_before_the_store_is_closed(
    path: Path,
) -> None:
    database = await Database.open(path)
    saving = asyncio.create_task(database.write(add_slot), name="saving")
    await asyncio.sleep(0)  # it has begun, and waits for its thread
    await database.close()
    await saving
    again = await Database.open(path)
    assert await again.read(count_slots) == 2
    await again.close()
