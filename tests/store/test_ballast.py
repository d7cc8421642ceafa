"""Space kept for the day the disk is full."""

import logging
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from broker.model.account import AccountName
from broker.model.errors import StoreFailedError
from broker.store.ballast import BALLAST_BYTES, Ballast
from broker.store.opening import create_store, open_store
from tests.store.disk import no_file_grows_beyond, no_room_for_a_save
from tests.store.samples import a_grant, bytes_in, key_file, modes_in, names_in


class Usage(NamedTuple):
    """As `shutil.disk_usage` gives it."""

    total: int
    used: int
    free: int


FULL = Usage(total=10**9, used=10**9, free=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.ballast"


def test_it_takes_its_space_and_is_the_persons_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        Ballast(path).lay()
    finally:
        os.umask(before)
    assert path.stat().st_size == BALLAST_BYTES
    assert path.stat().st_blocks * 512 >= BALLAST_BYTES
    assert modes_in(path.parent) == {"store.ballast": 0o600}


def test_what_is_there_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"other")
    Ballast(path).lay()
    assert bytes_in(path) == b"other"


def test_nothing_is_written_through_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    path.symlink_to(target)
    Ballast(path).lay()
    assert not target.exists()
    assert Ballast(path).drop()
    assert names_in(tmp_path) == []


def test_it_is_given_up_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ballast = Ballast(path)
    ballast.lay()
    assert ballast.drop()
    assert "store.ballast.dropped" in caplog.text
    assert not ballast.drop()
    assert names_in(path.parent) == []
    ballast.lay()
    assert ballast.drop()


def test_it_does_not_fill_the_disk_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: FULL)
    Ballast(path).lay()
    assert names_in(path.parent) == []


def test_a_folder_that_is_gone_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ballast = Ballast(tmp_path / "gone" / "store.ballast")
    ballast.lay()
    assert not ballast.drop()
    assert "store.ballast.failed" in caplog.text


def test_half_of_it_is_not_kept(path: Path) -> None:
    with no_file_grows_beyond(BALLAST_BYTES // 2):
        Ballast(path).lay()
    assert names_in(path.parent) == []


def test_what_a_crash_left_is_taken_away(path: Path) -> None:
    path.with_name("store.ballast.new").write_bytes(b"half")
    Ballast(path).lay()
    assert names_in(path.parent) == ["store.ballast"]


# --- with a store ---------------------------------------------------------------


async def test_it_is_there_from_the_beginning_and_after_each_save(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    store = await create_store(path, key_file(path))
    assert "store.ballast" in names_in(tmp_path)
    path.with_suffix(".ballast").unlink()
    await store.save(a_grant("work"), replaces=None)
    assert "store.ballast" in names_in(tmp_path)
    await store.close()


async def test_a_save_that_finds_no_room_gives_it_up_and_is_told_if_it_was_in_vain(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # At a quota, as at this limit, SQLite does not say that the disk is full.
    path = tmp_path / "store.db"
    store = await create_store(path, key_file(path))
    await store.save(a_grant("work"), replaces=None)
    with no_room_for_a_save(path), pytest.raises(StoreFailedError):
        await store.save(a_grant("work", version=2), replaces=1)
    assert "store.ballast.dropped" in caplog.text
    assert await store.load(AccountName("work")) == a_grant("work")
    await store.save(a_grant("work", version=2), replaces=1)
    assert "store.ballast" in names_in(tmp_path)
    await store.close()


async def test_a_save_that_fits_into_its_space_goes_through(tmp_path: Path) -> None:
    # The limit is lifted by what is given up: as if that had been the last space.
    path = tmp_path / "store.db"
    store = await create_store(path, key_file(path))
    await store.save(a_grant("work"), replaces=None)
    ballast = store._database._ballast
    drop = ballast.drop
    with no_room_for_a_save(path) as lift:

        def dropped() -> bool:
            lift()
            return drop()

        ballast.drop = dropped  # type: ignore[method-assign]
        await store.save(a_grant("work", version=2), replaces=1)
    await store.close()
    store = await open_store(path, key_file(path))
    assert await store.load(AccountName("work")) == a_grant("work", version=2)
    assert not store.health.is_altered
    await store.close()
