"""Folders, disk and process as doctor sees them. Real files."""

import os
import socket
import sys
from pathlib import Path

import pytest

from broker.host.premises import disk_facts, folder_facts, look_at_premises


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir(0o700)
    return made


def write(path: Path, mode: int) -> None:
    path.write_bytes(b"x")
    path.chmod(mode)


def faults(folder: Path) -> dict[str, str]:
    return {Path(fault.path).name: fault.fault for fault in folder_facts(folder).faults}


def test_a_folder_of_private_files_has_no_faults(folder: Path) -> None:
    write(folder / "store.db", 0o600)
    (folder / "run").mkdir(0o700)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "s"))
        (folder / "s").chmod(0o600)
        facts = folder_facts(folder)
    assert facts.is_there
    assert facts.faults == ()
    assert facts.names == {"store.db", "run", "s"}


def test_a_folder_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    facts = folder_facts(tmp_path / "nowhere")
    assert not facts.is_there
    assert facts.faults == ()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o601])
def test_a_file_that_its_mode_opens_to_others_is_named(folder: Path, mode: int) -> None:
    write(folder / "store.key", mode)
    write(folder / "store.db", 0o600)
    (fault,) = folder_facts(folder).faults
    assert fault.is_open
    assert fault.path == str(folder / "store.key")
    assert f"mode {mode:04o}" in fault.fault


def test_a_link_and_an_open_folder_inside_are_named(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "run").mkdir(0o755)
    (folder / "run").chmod(0o755)
    os.mkfifo(folder / "pipe", 0o600)
    found = faults(folder)
    assert "symbolic link" in found["link"]
    assert "open to other users" in found["run"]
    assert "not a regular file" in found["pipe"]


def test_a_folder_that_others_may_enter_is_not_looked_into(folder: Path) -> None:
    write(folder / "store.key", 0o644)
    folder.chmod(0o755)
    assert faults(folder) == {"state": "is open to other users (mode 0755)"}


def test_the_disk_of_a_folder_that_is_not_there_is_that_of_the_one_above(
    tmp_path: Path,
) -> None:
    disk = disk_facts(tmp_path / "not" / "yet")
    assert disk is not None
    assert disk.free_bytes > 0
    assert disk.free_files is None or disk.free_files > 0


def test_all_folders_are_those_of_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STATE", "RUNTIME", "CONFIG"):
        (tmp_path / name).mkdir(0o700)
        monkeypatch.setenv(f"BROKERD_{name}_DIR", str(tmp_path / name))
    (tmp_path / "CONFIG" / "config.toml").write_text("[store]\nlock_after_idl = 1\n")
    (tmp_path / "CONFIG" / "config.toml").chmod(0o600)
    premises = look_at_premises(is_daemon=False)
    assert premises.state.path == str(tmp_path / "STATE")
    assert premises.runtime.path == str(tmp_path / "RUNTIME")
    assert premises.config == str(tmp_path / "CONFIG" / "config.toml")
    assert "lock_after_idl is not known" in str(premises.config_fault)
    (tmp_path / "CONFIG" / "config.toml").write_text("[issuers.x]\nissuer = 1\n")
    assert premises.process is None
    again = look_at_premises(is_daemon=False)
    assert "issuers.x.issuer" in str(again.config_fault)


@pytest.mark.skipif(sys.platform == "win32", reason="says nothing of its process")
def test_the_daemon_looks_at_itself() -> None:
    process = look_at_premises(is_daemon=True).process
    assert process is not None
    assert process.core_bytes is not None
