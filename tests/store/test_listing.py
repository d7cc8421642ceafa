"""Grants that are unsealed only when they are come to, and the digest on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.store.samples import a_grant, grants_in, key_file, tamper

HOME, WORK = AccountName("home"), AccountName("work")
DAMAGE = (
    "UPDATE record SET sealed = CAST(substr(sealed, 1, 99) || x'00' AS BLOB)"
    " WHERE kind = 'grant'"
)
GONE = "DELETE FROM record WHERE rowid = (SELECT max(rowid) FROM record)"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A closed store of 'home' and 'work'."""
    path = tmp_path / "store.db"
    store = await create_store(path, key_file(path))
    await store.save(a_grant(HOME), replaces=None)
    await store.save(a_grant(WORK), replaces=None)
    await store.close()
    return path


@asynccontextmanager
async def reopened(path: Path) -> AsyncIterator[SealedStore]:
    store = await open_store(path, key_file(path))
    yield store
    await store.close()


async def test_damage_is_told_as_soon_as_it_is_come_to(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tamper(path, DAMAGE)
    async with reopened(path) as store:
        listing = await store.list()
        assert "damaged" not in caplog.text
        assert listing.take(WORK) is None
        assert caplog.text.count("store.record.damaged") == 1
        assert list(listing) == []
        assert caplog.text.count("store.record.damaged") == 2


@pytest.mark.parametrize(
    ("statement", "damaged", "is_altered"), [(DAMAGE, 2, False), (GONE, 0, True)]
)
async def test_the_health_is_told_of_the_whole_store_however_little_was_read(
    path: Path, statement: str, damaged: int, *, is_altered: bool
) -> None:
    tamper(path, statement)
    async with reopened(path) as store:
        listing = await store.list()
        listing.take(WORK)
        assert store.health.damaged == damaged
        assert store.health.is_altered == is_altered


async def test_a_row_that_nobody_of_us_can_have_written_counts_as_nothing(
    path: Path,
) -> None:
    # Nor does it in the digest that is looked at where the kernel has kept the keys.
    tamper(
        path,
        "INSERT INTO record SELECT 'no id', kind, version, key_id, sealed FROM record"
        " WHERE kind = 'grant' LIMIT 1",
    )
    async with reopened(path) as store:
        assert len(await grants_in(store)) == 2
        assert not store.health.is_altered


async def test_what_was_unsealed_for_the_health_still_comes(path: Path) -> None:
    async with reopened(path) as store:
        listing = await store.list()
        assert not store.health.is_altered
        assert listing.take(WORK) == a_grant(WORK)
        assert list(listing) == [a_grant(HOME)]
        assert list(listing) == []


async def test_what_was_saved_meanwhile_neither_comes_nor_counts_as_altered(
    path: Path,
) -> None:
    tamper(path, DAMAGE)
    async with reopened(path) as store:
        listing = await store.list()
        await store.save(a_grant(WORK), replaces=None)
        assert list(listing) == []
        assert (store.health.damaged, store.health.is_altered) == (1, False)


async def test_what_was_deleted_meanwhile_does_not_come(path: Path) -> None:
    async with reopened(path) as store:
        listing = await store.list()
        await store.delete(WORK, replaces=1)
        assert listing.take(WORK) is None
        assert list(listing) == [a_grant(HOME)]
        assert not store.health.is_altered


async def test_what_was_unsealed_for_the_health_and_deleted_then_does_not_come(
    path: Path,
) -> None:
    async with reopened(path) as store:
        listing = await store.list()
        assert not store.health.is_altered
        await store.delete(WORK, replaces=1)
        assert listing.take(WORK) is None
        assert list(listing) == [a_grant(HOME)]


async def test_a_new_data_key_leaves_nothing_that_cannot_be_unsealed(
    path: Path,
) -> None:
    async with reopened(path) as store:
        listing = await store.list()
        await store.rotate_data_key([key_file(path)])
        assert listing.take(WORK) == a_grant(WORK)
        assert list(listing) == [a_grant(HOME)]
        assert (store.health.damaged, store.health.is_altered) == (0, False)
        assert len(await grants_in(store)) == 2
