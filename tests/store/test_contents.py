"""A backup and its return."""

import asyncio
import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.model.account import AccountName
from broker.model.errors import BackupInvalidError, WrongPassphraseError
from broker.model.grant import Grant, Intent, IntentCause
from broker.model.time import UnixTime
from broker.store.contents import Contents, backup_of, parse_backup
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.store.format_1 import make_format_1
from tests.store.samples import a_grant, bytes_in, grants_in, key_file, tamper, typed

WORK = AccountName("work")
AT = UnixTime(1_900_000_000)
HORSE = typed("horse")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def store_of(path: Path, *grants: Grant) -> SealedStore:
    store = await create_store(path, key_file(path))
    for grant in grants:
        await store.save(grant, replaces=None)
    await store.save_setting("default_account", "work")
    return store


async def backup(store: SealedStore) -> bytes:
    contents = await store.contents()
    return await asyncio.to_thread(backup_of, contents, HORSE, secrets.token_bytes)


async def a_backup(path: Path, *grants: Grant) -> bytes:
    store = await store_of(path, *grants)
    made = await backup(store)
    await store.close()
    return made


def without_refresh_token(name: str) -> Grant:
    grant = a_grant(name)
    return Grant(
        account=grant.account,
        version=1,
        access_token=grant.access_token,
        granted_at=grant.granted_at,
    )


# --- there and back -------------------------------------------------------------


async def test_what_was_backed_up_is_what_comes_back(
    path: Path, tmp_path: Path
) -> None:
    grants = [a_grant("home", version=3), a_grant("work", version=7)]
    contents = parse_backup(await a_backup(path, *grants), HORSE)
    new = tmp_path / "new.db"
    store = await create_store(new, typed("mule"), contents=contents)
    assert await grants_in(store) == grants
    assert await store.load_setting("default_account") == "work"
    await store.close()
    # By name, too, and after it was closed: the row ids are right.
    store = await open_store(new, typed("mule"))
    assert await store.load(WORK) == grants[1]
    assert not store.health.is_altered
    await store.save(a_grant("work", version=8), replaces=7)
    await store.close()


async def test_two_thousand_accounts_come_back(path: Path, tmp_path: Path) -> None:
    store = await create_store(path, key_file(path))
    grants = sorted(
        (a_grant(f"account-{number}") for number in range(2000)),
        key=lambda grant: grant.account.name,
    )
    await asyncio.gather(*(store.save(grant, replaces=None) for grant in grants))
    contents = parse_backup(await backup(store), HORSE)
    await store.close()
    new = tmp_path / "new.db"
    store = await create_store(new, key_file(new), contents=contents)
    assert await grants_in(store) == grants
    await store.close()


async def test_a_backup_of_nothing_comes_back(path: Path, tmp_path: Path) -> None:
    store = await create_store(path, key_file(path))
    contents = parse_backup(await backup(store), HORSE)
    await store.close()
    again = await create_store(tmp_path / "new.db", HORSE, contents=contents)
    assert await grants_in(again) == []
    await again.close()


async def test_a_backup_of_a_store_of_format_1_comes_back(
    path: Path, tmp_path: Path
) -> None:
    make_format_1(path, key_file(path), a_grant("work"))
    store = await open_store(path, key_file(path))
    contents = parse_backup(await backup(store), HORSE)
    await store.close()
    again = await create_store(tmp_path / "new.db", HORSE, contents=contents)
    assert await again.load(WORK) == a_grant("work")
    await again.close()


async def test_a_backup_holds_another_data_key_and_nothing_in_clear(
    path: Path,
) -> None:
    store = await store_of(path, a_grant())
    rows = await store._database.read(
        lambda connection: connection.execute("SELECT sealed FROM record").fetchall()
    )
    made = await backup(store)
    await store.close()
    words = (
        b"alice@example.com a-refresh-token a-client-secret a-client-id an-access-token"
        b" a-registration-token"
        b" issuer.example drive.readonly subject-4711 hint@example.com default_account"
    )
    assert [word for word in words.split() if word in made] == []
    assert [sealed for (sealed,) in rows if sealed in made] == []


async def test_only_what_may_have_been_spent_meanwhile_is_marked(path: Path) -> None:
    grants = [a_grant("work"), without_refresh_token("other")]
    contents = parse_backup(await a_backup(path, *grants), HORSE).restored(AT)
    new = path.with_name("new.db")
    store = await create_store(new, HORSE, contents=contents)
    found = {grant.account.name: grant.intent for grant in await grants_in(store)}
    assert found == {
        "work": Intent(since=AT, cause=IntentCause.RESTORE),
        "other": None,
    }
    assert await store.load_setting("default_account") == "work"
    await store.close()


async def test_a_refresh_that_was_under_way_at_the_backup_is_not_tried_by_itself(
    path: Path,
) -> None:
    # Long ago, and perhaps of another machine: the issuer would end the whole grant.
    grant = a_grant("work")
    cut_off = Grant(
        account=grant.account,
        version=1,
        refresh_token=grant.refresh_token,
        granted_at=grant.granted_at,
        intent=Intent(since=UnixTime(5)),
    )
    contents = parse_backup(await a_backup(path, cut_off), HORSE).restored(AT)
    store = await create_store(path.with_name("new.db"), HORSE, contents=contents)
    (found,) = await grants_in(store)
    assert found.intent == Intent(since=AT, cause=IntentCause.RESTORE)
    await store.close()


async def test_a_damaged_record_is_left_out_and_counted(path: Path) -> None:
    store = await store_of(path, a_grant("home"), a_grant("work"))
    await store.close()
    tamper(path, "UPDATE record SET sealed = zeroblob(200) WHERE rowid = 2")
    store = await open_store(path, key_file(path))
    contents = await store.contents()
    await store.close()
    assert (len(contents.records), contents.damaged) == (2, 1)


async def test_contents_show_no_secret_in_their_repr(path: Path) -> None:
    store = await store_of(path, a_grant())
    contents = await store.contents()
    await store.close()
    assert "a-refresh-token" not in repr(contents)
    assert repr(contents.index.reveal()) not in repr(contents)
    assert "SecretBytes(***)" in repr(contents)


# --- what is no backup ----------------------------------------------------------


async def test_another_passphrase_does_not_open_it(path: Path) -> None:
    made = await a_backup(path, a_grant())
    with pytest.raises(WrongPassphraseError):
        parse_backup(made, typed("mule"))


NO_BACKUPS = [
    b"",
    b"\0",
    b"a backup",
    b"SQLite format 3\0",
    b"SQLite format 3\0" + bytes(84),
    bytes(4096),
    b"\xff" * 100_000,
]


@pytest.mark.parametrize("data", NO_BACKUPS)
def test_bytes_that_are_no_backup_are_told_as_such(data: bytes) -> None:
    with pytest.raises(BackupInvalidError) as caught:
        parse_backup(data, HORSE)
    assert "database" not in caught.value.what  # SQLite's word, which nobody knows


async def test_a_store_is_no_backup_and_that_is_what_is_told(path: Path) -> None:
    # The key of a store is of another source, or its file is in another mode.
    await (await store_of(path, a_grant())).close()
    with pytest.raises(BackupInvalidError):
        parse_backup(bytes_in(path), HORSE)
    tamper(path, "PRAGMA journal_mode = DELETE")
    with pytest.raises(BackupInvalidError, match="another source: plain"):
        parse_backup(bytes_in(path), HORSE)


STATEMENTS = [
    "DELETE FROM record WHERE kind = 'setting'",
    "DELETE FROM record WHERE kind = 'head'",
    "DELETE FROM record",
    "DELETE FROM store",
    "DELETE FROM key_slot",
    "DROP TABLE record",
    "UPDATE record SET version = 2 WHERE kind = 'grant'",
    "UPDATE record SET kind = CAST(x'67ff' AS TEXT) WHERE kind = 'grant'",
    "UPDATE record SET sealed = 1.5 WHERE kind = 'grant'",
    "UPDATE record SET sealed = zeroblob(9) WHERE kind = 'head'",
    "UPDATE record SET version = 9223372036854775807 WHERE kind = 'head'",
    "UPDATE key_slot SET parameters = '{'",
    "UPDATE key_slot SET source = 'plain'",
    "UPDATE key_slot SET source = x'00'",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 3",
    "PRAGMA application_id = 0",
    "ALTER TABLE record RENAME COLUMN sealed TO other",
]


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_backup_that_was_changed_is_refused(
    path: Path, tmp_path: Path, statement: str
) -> None:
    changed = tmp_path / "changed"
    changed.write_bytes(await a_backup(path, a_grant()))
    tamper(changed, statement)
    found = bytes_in(changed)
    if statement == "PRAGMA user_version = 1":  # the head is there all the same
        assert len(parse_backup(found, HORSE).records) == 2
        return
    with pytest.raises(BackupInvalidError):
        parse_backup(found, HORSE)


HOSTILE = [
    "CREATE TRIGGER evil AFTER INSERT ON damaged_record BEGIN DELETE FROM record; END",
    "CREATE VIEW evil AS SELECT load_extension('evil.so')",
    "CREATE INDEX evil ON record (abs(version))",
]


@pytest.mark.parametrize("statement", HOSTILE)
async def test_what_others_put_into_the_schema_of_a_backup_does_nothing(
    path: Path, tmp_path: Path, statement: str
) -> None:
    changed = tmp_path / "changed"
    changed.write_bytes(await a_backup(path, a_grant()))
    tamper(changed, statement)
    assert len(parse_backup(bytes_in(changed), HORSE).records) == 2


def damaged(data: bytes) -> Iterator[bytes]:
    """Flipped at each byte that is not empty space, and cut at many."""
    for at in range(len(data)):
        if any(data[max(at - 4, 0) : at + 4]) or at % 64 == 0:
            yield data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
        if at % 256 == 0:
            yield data[:at]


def outcome(data: bytes, whole: Contents) -> str | None:
    """What is wrong with how these bytes are taken, or None."""
    try:
        found = parse_backup(data, HORSE)
    except (BackupInvalidError, WrongPassphraseError):
        return None
    except Exception as exc:  # noqa: BLE001 - which one is what is tested
        return repr(exc)
    return None if found == whole else "other contents"


async def test_no_damage_to_a_backup_is_silent_and_none_is_a_traceback(
    path: Path,
) -> None:
    made = await a_backup(path, a_grant())
    whole = parse_backup(made, HORSE)
    wrong = (outcome(data, whole) for data in damaged(made))
    assert list(itertools.islice(filter(None, wrong), 5)) == []
