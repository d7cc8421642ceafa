"""Making a store file, and files that are none."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.model.errors import StoreCorruptError, StoreExistsError, StoreFailedError
from broker.model.secret import Secret
from broker.store.keys.passphrase import Argon2id, Passphrase
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, has_store, open_store, slots_of
from tests.store.samples import (
    CLOSED,
    a_grant,
    bytes_of,
    grants_in,
    modes_in,
    names_in,
    tamper,
)


def cheap(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, memory_kib=8, iterations=1, lanes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def source(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "store.key")


# --- making one -----------------------------------------------------------------


async def test_a_store_is_there_once_it_is_made(path: Path, source: KeyFile) -> None:
    assert not has_store(path)
    store = await create_store(path, source)
    assert has_store(path)
    await store.close()


async def test_no_store_is_made_over_another(path: Path, source: KeyFile) -> None:
    await (await create_store(path, source)).close()
    before = bytes_of(path.parent)
    with pytest.raises(StoreExistsError):
        await create_store(path, source)
    assert bytes_of(path.parent) == before


def lead_nowhere(path: Path) -> None:
    path.symlink_to("elsewhere.db")


async def test_no_store_is_made_through_a_link_that_leads_nowhere(
    path: Path, source: KeyFile
) -> None:
    lead_nowhere(path)
    assert has_store(path)
    with pytest.raises(StoreExistsError):
        await create_store(path, source)
    assert names_in(path.parent) == ["store.db"]


async def test_a_store_that_appears_meanwhile_is_not_overwritten(path: Path) -> None:
    def appear(salt: bytes) -> Argon2id:
        path.write_bytes(b"a store of somebody faster")
        return cheap(salt)

    with pytest.raises(StoreExistsError):
        await create_store(path, Passphrase(Secret("horse"), appear))
    assert bytes_of(path.parent) == b"store.db" + b"a store of somebody faster"


async def test_a_store_that_a_crash_left_unfinished_is_thrown_away(
    path: Path, source: KeyFile
) -> None:
    (path.parent / "store.db.new").write_bytes(b"half a st")
    (path.parent / "store.db.new-journal").write_bytes(b"")
    assert not has_store(path)
    await (await create_store(path, source)).close()
    assert names_in(path.parent) == CLOSED


async def test_the_second_name_that_a_crash_left_is_taken_away_at_opening(
    path: Path, source: KeyFile
) -> None:
    await (await create_store(path, source)).close()
    os.link(path, path.with_name("store.db.new"))
    store = await open_store(path, source)
    assert await grants_in(store) == []
    await store.close()
    assert names_in(path.parent) == CLOSED


def lose_all_but_the_log(path: Path, log: bytes) -> None:
    path.unlink()
    path.with_name("store.db-wal").write_bytes(log)


async def test_the_log_of_a_lost_store_is_kept_but_not_played_into_the_new_one(
    path: Path, source: KeyFile
) -> None:
    store = await create_store(path, source)
    await store.save(a_grant(), replaces=None)
    log = path.with_name("store.db-wal").read_bytes()
    await store.close()
    lose_all_but_the_log(path, log)
    store = await create_store(path, source)
    assert await grants_in(store) == []
    await store.close()
    (orphan,) = path.parent.glob("store.db-wal.orphan-*")
    assert orphan.read_bytes() == log


async def test_a_missing_folder_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(StoreFailedError):
        await create_store(tmp_path / "none" / "s.db", Passphrase(Secret("x"), cheap))


# --- files that are no store ----------------------------------------------------


def of_text(path: Path) -> None:
    path.write_bytes(b"hello, this is not a database at all" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def garbled_in_the_header(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[4096:8192] = b"\xa5" * 4096
    path.write_bytes(whole)


def garbled_in_the_records(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-4096:] = b"\xa5" * 4096
    path.write_bytes(whole)


def of_another_program(path: Path) -> None:
    path.unlink()
    tamper(path, "CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    tamper(path, "PRAGMA user_version = 3")


def without_key_slot(path: Path) -> None:
    tamper(path, "DELETE FROM key_slot")


def without_tables(path: Path) -> None:
    tamper(path, "DROP TABLE store")


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("elsewhere.db")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILS = [
    (of_text, "not a database"),
    (empty, "not a store of brokerd"),
    (truncated, "malformed"),
    (garbled_in_the_header, "malformed"),
    (of_another_program, "not a store of brokerd"),
    (newer, "a newer brokerd made it"),
    (without_key_slot, "key slots are missing"),
    (without_tables, "no such table"),
    (linked, "symbolic link"),
    (folder, "not a regular file"),
    (Path.unlink, "cannot be read"),
]


@pytest.mark.parametrize(
    ("spoil", "says"), [*SPOILS, (garbled_in_the_records, "btreeInitPage")]
)
async def test_a_file_that_is_no_store_is_named_and_left_as_it_is(
    path: Path, source: KeyFile, spoil: Callable[[Path], None], says: str
) -> None:
    await (await create_store(path, source)).close()
    spoil(path)
    files = {f: f.is_file() and f.read_bytes() for f in path.parent.iterdir()}
    with pytest.raises(StoreCorruptError, match=says) as caught:
        await open_store(path, source)
    assert caught.value.path == str(path)
    assert files == {f: f.is_file() and f.read_bytes() for f in path.parent.iterdir()}


@pytest.mark.parametrize(("spoil", "says"), SPOILS)
async def test_a_file_that_is_no_store_has_no_key_source(
    path: Path, source: KeyFile, spoil: Callable[[Path], None], says: str
) -> None:
    await (await create_store(path, source)).close()
    spoil(path)
    with pytest.raises(StoreCorruptError, match=says):
        slots_of(path)


async def test_damaged_key_parameters_are_not_taken_for_a_wrong_passphrase(
    path: Path,
) -> None:
    await (await create_store(path, Passphrase(Secret("horse"), cheap))).close()
    tamper(path, "UPDATE key_slot SET parameters = '{}'")
    with pytest.raises(StoreCorruptError, match="passphrase key is damaged"):
        await open_store(path, Passphrase(Secret("horse")))


def let_others_read(path: Path) -> None:
    path.chmod(0o644)


async def test_a_store_that_others_could_read_is_closed_to_them_again(
    path: Path, source: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    await (await create_store(path, source)).close()
    let_others_read(path)
    await (await open_store(path, source)).close()
    assert modes_in(path.parent)["store.db"] == 0o600
    assert "store.mode.tightened was=644" in caplog.text


async def test_a_folder_with_strange_letters_is_no_obstacle(tmp_path: Path) -> None:
    strange = tmp_path / "a?b #c%20d \u00e4"
    strange.mkdir()
    source = KeyFile(strange / "store.key")
    await (await create_store(strange / "store.db", source)).close()
    assert slots_of(strange / "store.db")[0].source == "plain"
