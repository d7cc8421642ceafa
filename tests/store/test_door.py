from pathlib import Path

import pytest

from broker.model.errors import BadRequestError, LockedError, StoreExistsError
from broker.model.secret import Secret
from broker.services.store_interfaces import StoreDoor
from broker.store.door import FileDoor
from broker.store.keys.kept import KeptKey
from broker.store.keys.names import key_sources
from broker.store.keys.unlock_cache import UnlockCache
from broker.store.opening import create_store
from tests.fakes.keeper import MemoryKeeper
from tests.fakes.timed_keyring import MemoryTimedKeyring
from tests.store.samples import (
    a_grant,
    bytes_in,
    copy_of,
    grants_in,
    key_file,
    names_in,
    put_bytes,
)

PAGE_BYTES = 4096
"""SQLite's, unless told otherwise."""


@pytest.fixture
def door(tmp_path: Path) -> StoreDoor:
    return FileDoor(tmp_path / "store.db")


async def test_a_door_makes_the_store_and_its_key_file_once(
    door: StoreDoor, tmp_path: Path
) -> None:
    assert not door.exists()
    await (await door.create("plain", None)).close()
    assert door.exists()
    assert door.slots()[0].source == "plain"
    assert (tmp_path / "store.key").is_file()
    with pytest.raises(StoreExistsError):
        await door.create("plain", None)


async def test_a_plain_store_opens_without_a_question(door: StoreDoor) -> None:
    store = await door.create("plain", None)
    await store.save_setting("default_account", "work")
    await store.close()
    store = await door.open(None, ask=False)
    assert await store.load_setting("default_account") == "work"
    await store.close()


async def test_a_store_under_a_passphrase_asks_for_it(
    door: StoreDoor, tmp_path: Path
) -> None:
    await (await door.create("passphrase", Secret("horse"))).close()
    assert door.slots()[0].source == "passphrase"
    assert not (tmp_path / "store.key").exists()
    with pytest.raises(LockedError, match="a passphrase is needed"):
        await door.open(None, ask=False)
    await (await door.open(Secret("horse"), ask=True)).close()


@pytest.mark.parametrize(
    ("source", "passphrase"),
    [
        ("plain", Secret("horse")),
        ("passphrase", None),
        ("passphrase", Secret("")),
        ("tpm", None),
    ],
)
async def test_a_source_that_cannot_be_used_as_asked_makes_nothing(
    door: StoreDoor, tmp_path: Path, source: str, passphrase: Secret | None
) -> None:
    with pytest.raises(BadRequestError):
        await door.create(source, passphrase)
    assert names_in(tmp_path) == []


async def test_a_source_that_there_is_not_is_refused_with_the_list(
    door: StoreDoor,
) -> None:
    with pytest.raises(BadRequestError, match=", ".join(key_sources())):
        await door.create("parchment", None)


async def test_a_store_of_a_source_that_this_system_has_not_stays_locked(
    door: StoreDoor, tmp_path: Path
) -> None:
    elsewhere = KeptKey("parchment", MemoryKeeper().open)
    await (await create_store(tmp_path / "store.db", elsewhere)).close()
    with pytest.raises(LockedError, match="no key source 'parchment'"):
        await door.open(None, ask=True)


async def test_a_missing_credential_is_looked_for_again_at_each_try(
    door: StoreDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = tmp_path / "credentials" / "brokerd-key"
    handed.parent.mkdir()
    handed.write_bytes(bytes(32))
    handed.chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed.parent))
    await (await door.create("systemd-credential", None)).close()
    away = handed.rename(tmp_path / "away")
    with pytest.raises(LockedError, match="brokerd-key cannot be read"):
        await door.open(None, ask=False)
    away.rename(handed)
    await (await door.open(None, ask=True)).close()


async def test_a_crash_while_the_log_is_taken_over_leaves_a_store_that_opens(
    tmp_path: Path,
) -> None:
    # Page by page: until all are there, what the file says without its log is no store.
    path = tmp_path / "store.db"
    store = await create_store(path, key_file(path))
    for number in range(40):
        await store.save(a_grant(f"account-{number}"), replaces=None)
    before, crashed = bytes_in(path), copy_of(tmp_path, tmp_path / "crashed")
    await store.close()
    after = bytes_in(path)
    for page in range(len(after) // PAGE_BYTES + 1):
        found = copy_of(crashed, tmp_path / f"crashed-{page}")
        done = page * PAGE_BYTES
        put_bytes(found / "store.db", after[:done] + before[done:])
        again = await FileDoor(found / "store.db").open(None, ask=False)
        assert len(await grants_in(again)) == 40
        await again.close()


async def test_a_lock_of_a_store_that_is_locked_forgets_what_the_kernel_kept(
    tmp_path: Path,
) -> None:
    door, keyring = FileDoor(tmp_path / "store.db"), MemoryTimedKeyring()
    door._cache = UnlockCache(keyring)
    store = await door.create("plain", None)
    await door.remember(900)
    await store.close()
    assert keyring.kept
    await door.forget()
    assert not keyring.kept
