import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    LockedError,
    StoreFailedError,
    WrongPassphraseError,
)
from broker.model.secret import Secret, SecretBytes
from broker.store.anchors import recalled_anchors
from broker.store.keys.passphrase import Argon2id, Passphrase
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, open_store, slots_of
from broker.store.store import SealedStore
from tests.store.samples import (
    CLOSED,
    a_grant,
    bytes_of,
    copy_of,
    modes_in,
    names_in,
    noted,
)

WORK = AccountName("work")


def cheap(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, memory_kib=8, iterations=1, lanes=1)


def key_file(path: Path) -> KeyFile:
    return KeyFile(path.with_suffix(".key"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def new_store(path: Path) -> SealedStore:
    return await create_store(path, key_file(path))


async def closed_store(path: Path, *names: str) -> None:
    """A store at `path` with these accounts, closed again."""
    store = await new_store(path)
    for name in names:
        await store.save(a_grant(name), replaces=None)
    await store.close()


# --- when it is closed ----------------------------------------------------------


def keys_in_memory(*keys: bytes) -> list[SecretBytes]:
    secrets = [one for one in gc.get_objects() if isinstance(one, SecretBytes)]
    return [secret for secret in secrets if secret.reveal() in keys]


async def test_a_closed_store_holds_no_key_whoever_holds_the_store(path: Path) -> None:
    await closed_store(path, "work")
    store = await open_store(path, key_file(path))
    listing = await store.list()
    keys = store.keys.data.reveal(), store.keys.index.reveal()
    assert keys_in_memory(*keys)
    await store.close()
    assert keys_in_memory(*keys) == []
    assert (store.store_id, listing.is_altered) == (store.store_id, False)


class HeldAnchor:
    """A keyring that does not answer yet."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.noted: int | None = None

    def read(self) -> None:
        return None

    def write(self, generation: int) -> None:
        self.held.wait()
        self.noted = generation


async def test_an_end_that_is_cut_short_at_a_keyring_lets_go_of_the_file(
    path: Path,
) -> None:
    store = await new_store(path)
    anchor = HeldAnchor()
    store._anchors = recalled_anchors([anchor])
    closing = asyncio.create_task(store.close(), name="close")
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await (await open_store(path, key_file(path))).close()
    anchor.held.set()


# --- across a restart -----------------------------------------------------------


async def test_grants_and_settings_outlive_a_restart(path: Path) -> None:
    store = await new_store(path)
    await store.save(a_grant("work"), replaces=None)
    await store.save_setting("default_account", "work")
    await store.close()
    again = await open_store(path, key_file(path))
    assert await again.load(WORK) == a_grant("work")
    assert await again.load_setting("default_account") == "work"
    await again.close()


async def test_what_was_saved_is_found_by_whoever_copies_the_files_of_a_running_store(
    path: Path, tmp_path: Path
) -> None:
    # What a crash leaves: the file and its log, with nothing closed.
    store = await new_store(path)
    await store.save(a_grant("work"), replaces=None)
    crashed = copy_of(path.parent, tmp_path / "crashed")
    await store.close()
    found = await open_store(crashed / "store.db", key_file(crashed / "store.db"))
    assert await found.load(WORK) == a_grant("work")
    await found.close()


async def test_a_closed_store_is_one_file_and_its_key(path: Path) -> None:
    await closed_store(path, "work")
    assert names_in(path.parent) == CLOSED


async def test_all_files_are_the_persons_alone_under_any_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        store = await new_store(path)
        await store.save(a_grant("work"), replaces=None)
        await noted(store)
        modes = modes_in(path.parent)
        await store.close()
    finally:
        os.umask(before)
    assert set(modes) == {*CLOSED, "store.db-wal"}
    assert set(modes.values()) == {0o600}


# --- nothing in clear -----------------------------------------------------------


async def test_no_name_no_secret_and_no_issuer_is_in_clear_in_any_file(
    path: Path,
) -> None:
    store = await new_store(path)
    words = (
        b"alice@example.com a-refresh-token a-client-secret a-client-id an-access-token"
        b" a-registration-token"
        b" issuer.example token-here drive.readonly subject-4711 offline-access"
        b" hint@example.com the-issuer-said-so default_account later-token"
        b" bob@example.com"
    )
    await store.save(a_grant(), replaces=None)
    await store.save(a_grant(version=2, refresh_token="later-token"), replaces=1)
    await store.save(a_grant("bob@example.com"), replaces=None)
    await store.delete(AccountName("bob@example.com"), replaces=1)
    await store.save_setting("default_account", "alice@example.com")
    seen = bytes_of(path.parent)
    await store.close()
    seen += bytes_of(path.parent)
    assert [word for word in words.split() if word in seen] == []


async def test_a_deleted_grant_is_in_no_file_even_sealed(path: Path) -> None:
    store = await new_store(path)
    await store.save(a_grant("work"), replaces=None)
    (sealed,) = await store._database.read(
        lambda connection: connection.execute("SELECT sealed FROM record").fetchone()
    )
    assert sealed in bytes_of(path.parent)
    await store.delete(WORK, replaces=1)
    # Its salt stands at the start of a blob, on the first of its pages.
    assert sealed[:36] not in bytes_of(path.parent)
    await store.close()


def test_the_store_shows_no_key_in_its_repr() -> None:
    passphrase = Passphrase(Secret("correct horse"))
    assert "horse" not in repr(passphrase) + repr(vars(passphrase))


# --- keys -----------------------------------------------------------------------


async def test_a_wrong_passphrase_opens_nothing_and_the_right_one_still_does(
    path: Path,
) -> None:
    store = await create_store(path, Passphrase(Secret("horse"), cheap))
    await store.save(a_grant("work"), replaces=None)
    await store.close()
    with pytest.raises(WrongPassphraseError):
        await open_store(path, Passphrase(Secret("house")))
    again = await open_store(path, Passphrase(Secret("horse")))
    assert await again.load(WORK) == a_grant("work")
    assert again.opened_by == 1
    await again.close()


async def test_a_store_whose_key_file_is_lost_stays_locked_and_gets_no_new_key(
    path: Path,
) -> None:
    await closed_store(path, "work")
    path.with_suffix(".key").unlink()
    with pytest.raises(LockedError, match=r"store\.key"):
        await open_store(path, key_file(path))
    assert names_in(path.parent) == [name for name in CLOSED if name != "store.key"]


async def test_the_key_file_of_another_store_does_not_open_this_one(
    path: Path, tmp_path: Path
) -> None:
    await closed_store(path)
    other = KeyFile(tmp_path / "other.key")
    other.make(bytes, bytes(16))
    (tmp_path / "other.key").replace(path.with_suffix(".key"))
    with pytest.raises(LockedError, match="not this store's"):
        await open_store(path, key_file(path))


async def test_a_store_opens_with_its_recorded_source_and_no_other(path: Path) -> None:
    await closed_store(path)
    with pytest.raises(LockedError, match="plain"):
        await open_store(path, Passphrase(Secret("horse"), cheap))


async def test_a_refused_key_leaves_the_store_free_for_the_next_try(path: Path) -> None:
    await closed_store(path)
    with pytest.raises(LockedError):
        await open_store(path, Passphrase(Secret("horse"), cheap))
    await (await open_store(path, key_file(path))).close()


# --- one process ----------------------------------------------------------------

OPEN_IT = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute(\
'SELECT * FROM record')"


def is_locked_for_others(path: Path) -> bool:
    command = [sys.executable, "-c", OPEN_IT, str(path)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own interpreter, our own words
    return b"database is locked" in done.stderr


async def test_an_open_store_cannot_be_opened_a_second_time(path: Path) -> None:
    store = await new_store(path)
    with pytest.raises(LockedError, match="another program"):
        await open_store(path, key_file(path))
    await store.close()


async def test_asking_for_the_key_source_does_not_let_another_process_in(
    path: Path,
) -> None:
    # POSIX drops a process's locks on a file when any of its descriptors is closed.
    store = await new_store(path)
    assert slots_of(path)[0].source == "plain"
    with pytest.raises(LockedError):
        await open_store(path, key_file(path))
    assert is_locked_for_others(path)
    await store.close()
    assert not is_locked_for_others(path)


# --- a disk that fails ----------------------------------------------------------


def delete(file: Path) -> None:
    file.unlink()


def replace_by_a_copy(file: Path) -> None:
    copy = file.with_name("copy")
    copy.write_bytes(file.read_bytes())
    copy.rename(file)


@pytest.mark.parametrize("name", ["store.db", "store.db-wal"])
@pytest.mark.parametrize("spoil", [delete, replace_by_a_copy])
async def test_a_save_into_a_file_that_nobody_would_find_is_not_acknowledged(
    path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    store = await new_store(path)
    await store.save(a_grant("work"), replaces=None)
    spoil(path.with_name(name))
    with pytest.raises(StoreFailedError, match=name):
        await store.save(a_grant("work", version=2), replaces=1)
    with pytest.raises(StoreFailedError):
        await store.save_setting("default_account", "work")
    assert await store.load(WORK) == a_grant("work")
    await store.close()


async def test_a_full_disk_changes_nothing_and_the_next_save_goes_through(
    path: Path,
) -> None:
    store = await new_store(path)
    await store.save(a_grant("work"), replaces=None)
    await store._database.read(
        lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall()
    )
    large = a_grant("work", version=2, refresh_token="x" * 100_000)
    with pytest.raises(StoreFailedError, match="full"):
        await store.save(large, replaces=1)
    assert await store.load(WORK) == a_grant("work")
    await store._database.read(
        lambda connection: connection.execute("PRAGMA max_page_count = 999").fetchall()
    )
    await store.save(large, replaces=1)
    assert await store.load(WORK) == large
    await store.close()


async def test_a_grant_with_a_text_that_is_not_unicode_is_refused_and_told(
    path: Path,
) -> None:
    store = await new_store(path)
    with pytest.raises(StoreFailedError, match="not Unicode"):
        await store.save(a_grant("work", refresh_token="\ud800"), replaces=None)
    await store.close()


async def test_an_older_copy_stays_one_while_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    key = KeyFile(tmp_path / "store.key")
    store = await create_store(path, key)
    await store.close()
    older = path.read_bytes()
    store = await open_store(path, key)
    await store.save_setting("default_account", "work")
    await store.close()
    path.write_bytes(older)
    store = await open_store(path, key)
    for name in ("home", "work", "other"):
        await store.save_setting("default_account", name)
    assert store.health.generation > (store.health.remembered or 0)
    assert store.health.is_old_copy
    await store.close()
