"""The power fails: what was acknowledged is there, and the store opens."""

import subprocess
import sys
from pathlib import Path

import pytest

from broker.store.keys.plain import KeyFile
from broker.store.opening import open_store
from tests.faults.power_loss import moments
from tests.faults.recorded import DONE, HELD, Held, held_by

CALLS = "openat,write,pwrite64,fsync,fdatasync,rename,link,linkat,unlink,ftruncate"


def recorded(folder: Path, trace: Path) -> None:
    """Let a process keep a store in the folder, and note all that it does."""
    folder.mkdir(mode=0o700)
    words = ["strace", "-f", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}"]
    keeper = [sys.executable, "-m", "tests.faults.recorded", str(folder)]
    said = subprocess.run(
        [*words, "-o", trace, *keeper], capture_output=True, check=True
    )
    assert said.stdout == DONE * (len(HELD) - 1)


async def found_in(folder: Path, remains: dict[str, bytes]) -> Held | None:
    """What a store opens to; None where there is no store."""
    for old in folder.iterdir():
        old.unlink()
    for name, content in remains.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    path = folder / "store.db"
    if not path.exists():
        return None
    store = await open_store(path, KeyFile(folder / "store.key"))
    try:
        # What is noted of the store is never ahead of what the disk holds.
        assert not store.health.is_old_copy
        return await held_by(store)
    finally:
        await store.close()


async def test_after_a_loss_of_power_the_store_holds_all_that_was_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path / "kept", tmp_path / "trace")
    found = tmp_path / "found"
    found.mkdir(mode=0o700)
    seen: set[tuple[int, int]] = set()
    for disk in moments(tmp_path / "trace", tmp_path / "kept", DONE):
        for remains in disk.remains():
            state = (disk.done, hash(tuple(sorted(remains.items()))))
            if state in seen:
                continue
            seen.add(state)
            held = await found_in(found, remains)
            # The deed that is under way may be there already.
            allowed: list[Held | None] = [*HELD[disk.done : disk.done + 2]]
            assert held in (allowed if disk.done else [None, *allowed]), disk.done
    with capsys.disabled():
        print(f"\npower loss: {len(seen)} states of the disk")
    assert len(seen) > 100
