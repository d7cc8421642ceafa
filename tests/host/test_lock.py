import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.host.files import is_open_to_others
from broker.host.lock import hold_lock
from broker.model.errors import AlreadyRunningError, DirectoryUnsafeError

HOLDER = """
import pathlib, sys
from broker.host.lock import hold_lock
held = hold_lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_held_lock_is_refused_to_everyone_else(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / "lock")
    with pytest.raises(AlreadyRunningError) as refused:
        hold_lock(tmp_path / "lock")
    assert refused.value.path == str(tmp_path / "lock")
    held.close()


def test_a_closed_lock_can_be_taken_again(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / "lock")
    held.close()
    held.close()
    hold_lock(tmp_path / "lock").close()


def test_the_lock_file_is_private_and_stays(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        hold_lock(tmp_path / "lock").close()
    finally:
        os.umask(before)
    assert not is_open_to_others(tmp_path / "lock")


def test_a_link_in_the_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryUnsafeError, match="cannot be opened as a lock"):
        hold_lock(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(AlreadyRunningError):
            hold_lock(path)
        holder.kill()
        holder.wait()
    hold_lock(path).close()
