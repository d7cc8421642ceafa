"""An open store file after the disk has refused: opened anew, or told."""

import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.model.errors import StoreFailedError
from broker.store.database import Database
from broker.store.opening import create_store
from tests.store.disk import no_room_for_a_save
from tests.store.samples import bytes_in, key_file, put_bytes


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    await (await create_store(path, key_file(path))).close()
    return path


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


async def fail(database: Database, path: Path) -> None:
    with (
        no_room_for_a_save(path, left=0),
        pytest.raises(StoreFailedError, match="disk I/O error"),
    ):
        await database.write(add_slot)


async def test_after_a_fault_the_file_is_opened_anew_and_holds_what_was_saved(
    database: Database, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await database.write(add_slot)
    await fail(database, path)
    assert await database.read(count_slots) == 2
    await database.write(add_slot)
    assert await database.read(count_slots) == 3
    assert caplog.text.count("ballast.dropped") == 1
    assert caplog.messages.count("store.opened_anew") == 2  # once it was tried again


async def test_no_other_file_is_opened_in_the_place_of_the_one_that_failed(
    database: Database, path: Path
) -> None:
    content = bytes_in(path)
    await fail(database, path)
    away = path.rename(path.with_name("away"))  # noqa: ASYNC240 - takes no time
    for _ in range(2):
        with pytest.raises(StoreFailedError, match="is gone"):
            await database.read(count_slots)
    put_bytes(path, content)
    for _ in range(2):
        with pytest.raises(StoreFailedError, match="replaced by another file"):
            await database.read(count_slots)
    away.replace(path)
    assert await database.read(count_slots) == 1


async def test_what_was_spoiled_meanwhile_is_told_as_a_failure_and_tried_again(
    database: Database, path: Path
) -> None:
    await database.write(add_slot)
    await database.wipe_log()
    content = bytes_in(path)
    await fail(database, path)
    put_bytes(path, b"not a store" * 1000)
    for _ in range(2):
        with pytest.raises(StoreFailedError, match="not a database"):
            await database.read(count_slots)
    put_bytes(path, content)
    assert await database.read(count_slots) == 2


async def test_a_store_that_is_closed_after_a_fault_can_be_opened(
    database: Database, path: Path
) -> None:
    await fail(database, path)
    await database.close()
    again = await Database.open(path)
    assert await again.read(count_slots) == 1
    await again.close()


async def test_a_work_is_told_as_done_only_when_it_is(
    database: Database, path: Path
) -> None:
    done: list[int] = []

    def added(connection: sqlite3.Connection) -> int:
        add_slot(connection)
        return count_slots(connection)

    def refused(connection: sqlite3.Connection) -> int:
        raise KeyError(added(connection))

    await database.write(added, done.append)
    with pytest.raises(KeyError):
        await database.write(refused, done.append)
    with no_room_for_a_save(path, left=0), pytest.raises(StoreFailedError):
        await database.write(added, done.append)
    assert done == [2]
