"""Records that do not open."""

import sqlite3
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    GrantChangedError,
    SettingDamagedError,
    StoreCorruptError,
)
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.store.samples import a_grant, bytes_of, copy_of, grants_in, tamper

WORK = AccountName("work")


def key_file(path: Path) -> KeyFile:
    return KeyFile(path.with_suffix(".key"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def closed_store(path: Path, *names: str) -> None:
    """A store at `path` with these accounts, closed again."""
    store = await create_store(path, key_file(path))
    for name in names:
        await store.save(a_grant(name), replaces=None)
    await store.close()


def row_ids(path: Path) -> list[bytes]:
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT id FROM record WHERE kind != 'head' ORDER BY rowid"
    ).fetchall()
    connection.close()
    return [row_id for (row_id,) in found]


async def damaged_store(path: Path, statement: str, *values: object) -> SealedStore:
    """A store with 'home' and 'work', the record of 'work' damaged."""
    await closed_store(path, "home", "work")
    work = row_ids(path)[1]
    tamper(path, f"{statement} WHERE id = ?", *values, work)
    return await open_store(path, key_file(path))


DAMAGES = [
    pytest.param("UPDATE record SET sealed = zeroblob(900)", id="zeroed"),
    pytest.param("UPDATE record SET sealed = substr(sealed, 1, 200)", id="cut off"),
    pytest.param("UPDATE record SET version = version + 1", id="re-versioned"),
    pytest.param("UPDATE record SET key_id = zeroblob(8)", id="of another key"),
    pytest.param("UPDATE record SET sealed = 'text'", id="of another type"),
    pytest.param(
        "UPDATE record SET sealed ="
        " (SELECT sealed FROM record WHERE kind = 'grant' ORDER BY rowid LIMIT 1)",
        id="swapped",
    ),
    pytest.param(
        "UPDATE record SET sealed = CAST(x'62726b02' || substr(sealed, 5) AS BLOB)",
        id="of a newer format",
    ),
]


@pytest.mark.parametrize("statement", DAMAGES)
async def test_a_damaged_record_costs_its_account_alone(
    path: Path, statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = await damaged_store(path, statement)
    assert [grant.account.name for grant in await grants_in(store)] == ["home"]
    assert await store.load(WORK) is None
    assert store.health.damaged == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "work" not in caplog.text
    await store.close()


@pytest.mark.parametrize("statement", DAMAGES)
async def test_signing_in_again_puts_a_damaged_record_aside(
    path: Path, statement: str
) -> None:
    store = await damaged_store(path, statement)
    await grants_in(store)
    await store.save(a_grant("work"), replaces=None)
    assert await store.load(WORK) == a_grant("work")
    assert store.health.damaged == 0
    kept = await store._database.read(
        lambda connection: connection.execute(
            "SELECT id FROM damaged_record"
        ).fetchall()
    )
    assert len(kept) == 1
    await store.close()


async def test_a_renewal_takes_the_place_of_a_record_that_was_damaged_meanwhile(
    path: Path,
) -> None:
    # The newest refresh token is in memory alone: it must find its way to the disk.
    store = await damaged_store(path, "UPDATE record SET sealed = zeroblob(900)")
    await store.save(a_grant("work", version=2), replaces=1)
    assert await store.load(WORK) == a_grant("work", version=2)
    await store.close()


async def test_a_record_whose_kind_was_changed_can_be_saved_anew(path: Path) -> None:
    store = await damaged_store(path, "UPDATE record SET kind = 'setting'")
    assert await store.load(WORK) is None
    await store.save(a_grant("work"), replaces=None)
    assert await store.load(WORK) == a_grant("work")
    await store.close()


async def test_a_whole_record_is_not_put_aside(path: Path) -> None:
    await closed_store(path, "work")
    store = await open_store(path, key_file(path))
    with pytest.raises(GrantChangedError):
        await store.save(a_grant("work"), replaces=None)
    await store.close()


async def test_a_damaged_setting_is_told_and_can_be_set_again(
    path: Path,
) -> None:
    store = await create_store(path, key_file(path))
    await store.save_setting("default_account", "work")
    await store.close()
    tamper(path, "UPDATE record SET sealed = zeroblob(100), version = 9")
    store = await open_store(path, key_file(path))
    with pytest.raises(SettingDamagedError):
        await store.load_setting("default_account")
    assert store.health.damaged == 1
    await store.save_setting("default_account", "home")
    assert await store.load_setting("default_account") == "home"
    assert store.health.damaged == 0
    await store.close()


async def test_a_damaged_file_and_the_log_beside_it_stay_as_a_crash_left_them(
    path: Path, tmp_path: Path
) -> None:
    store = await create_store(path, key_file(path))
    await store.save(a_grant("work"), replaces=None)
    crashed = copy_of(tmp_path, tmp_path / "crashed") / "store.db"
    await store.close()
    spoil(crashed)
    found = bytes_of(crashed.parent)
    with pytest.raises(StoreCorruptError):
        await open_store(crashed, key_file(crashed))
    assert bytes_of(crashed.parent) == found


def spoil(path: Path) -> None:
    """Cut the file off in its first page."""
    path.write_bytes(path.read_bytes()[:2000])
