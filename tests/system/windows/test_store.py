"""A store that the real DPAPI opens, made, closed and opened by another process."""

import subprocess
import sys
from pathlib import Path

import pytest

from broker.host.files import fault, folder_fault, is_open_to_others
from broker.host.private import ensure_private_directory
from broker.model.errors import LockedError
from broker.store.door import FileDoor
from broker.store.keys.names import key_sources
from tests.store.samples import a_grant, bytes_of, names_in, tamper

READER = """
import asyncio, pathlib, sys
from broker.store.door import FileDoor

async def read() -> None:
    store = await FileDoor(pathlib.Path(sys.argv[1])).open(None, ask=False)
    for grant in await store.list():
        print(grant.account.name, grant.refresh_token.reveal())
    await store.close()

asyncio.run(read())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_private_directory(tmp_path / "state")
    return tmp_path / "state"


async def fill(path: Path, source: str) -> None:
    store = await FileDoor(path).create(source, None)
    await store.save(a_grant(refresh_token="first"), replaces=None)
    await store.save(a_grant(version=2, refresh_token="second"), replaces=1)
    await store.close()


def another_process_reads(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READER, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_these_are_the_sources_of_a_windows() -> None:
    assert set(key_sources()) >= {"plain", "passphrase", "dpapi"}


@pytest.mark.parametrize("source", ["dpapi", "plain"])
async def test_what_was_saved_is_found_by_another_process(
    folder: Path, source: str
) -> None:
    path = folder / "store.db"
    await fill(path, source)
    found = another_process_reads(path)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split() == ["alice@example.com", "second"]


@pytest.mark.parametrize("source", ["dpapi", "plain"])
async def test_the_files_are_the_persons_alone_and_name_no_account(
    folder: Path, source: str
) -> None:
    await fill(folder / "store.db", source)
    assert ("store.key" in names_in(folder)) is (source == "plain")
    assert folder_fault(folder) is None
    for name in names_in(folder):
        assert fault(folder / name) is None
        assert not is_open_to_others(folder / name)
    assert b"alice" not in bytes_of(folder)
    assert b"second" not in bytes_of(folder)


async def test_a_sealed_key_that_was_damaged_leaves_the_store_locked(
    folder: Path,
) -> None:
    path = folder / "store.db"
    await fill(path, "dpapi")
    tamper(
        path,
        "UPDATE key_slot SET parameters = json_set(parameters, '$.sealed', 'AAAA')",
    )
    with pytest.raises(LockedError, match="Windows does not open the key"):
        await FileDoor(path).open(None, ask=False)


async def test_a_second_process_is_kept_out(folder: Path) -> None:
    path = folder / "store.db"
    store = await FileDoor(path).create("dpapi", None)
    assert "LockedError" in another_process_reads(path).stderr
    await store.close()
