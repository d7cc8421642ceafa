"""What Windows' own rules of files come to: owners, access lists, links, open files."""

import ctypes
import os
from pathlib import Path

import pytest

import broker.host
from broker.host import win32
from broker.host.files import (
    fault,
    flush_file,
    folder_fault,
    is_open_to_others,
    open_lock_file,
    private_file,
)
from broker.host.lock import hold_lock
from broker.host.private import ensure_private_directory
from broker.model.errors import DirectoryUnsafeError
from tests.host.others import let_others_read

OF_ANOTHER = Path("Z:/etc/hostname")
"""Of Debian's root, whom wine shows as a user that is not this one."""


def test_the_room_of_this_system_can_be_entered() -> None:
    assert broker.host.ensure_private_directory is ensure_private_directory


def test_a_hardened_process_leaves_no_report_of_its_memory() -> None:
    no_fault_box = 0x2
    broker.host.harden()
    assert ctypes.WinDLL("kernel32").GetErrorMode() & no_fault_box


def test_this_process_runs_as_a_user_with_a_sid() -> None:
    assert win32.user_sid().startswith("S-1-5-21-")


def test_a_file_of_another_user_is_not_ours() -> None:
    assert "belongs to user S-1-5-" in str(fault(OF_ANOTHER))
    assert is_open_to_others(OF_ANOTHER)
    assert "belongs to user S-1-5-" in str(folder_fault(OF_ANOTHER.parent))


def test_what_is_no_file_at_all_is_no_file() -> None:
    assert fault(Path("NUL")) == "is not a regular file"
    assert folder_fault(Path("NUL")) == "is not a folder"


def test_a_missing_folder_is_made_for_the_person_alone(tmp_path: Path) -> None:
    ensure_private_directory(tmp_path / "a" / "b")
    ensure_private_directory(tmp_path / "a" / "b")
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert folder_fault(folder) is None


def test_a_folder_open_to_others_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    ensure_private_directory(tmp_path / "open")
    let_others_read(tmp_path / "open")
    for _ in range(2):
        with pytest.raises(DirectoryUnsafeError, match=r"open to other .*S-1-1-0"):
            ensure_private_directory(tmp_path / "open")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DirectoryUnsafeError, match="is not a folder"):
        ensure_private_directory(tmp_path / "file")


def test_nobody_puts_another_file_in_the_place_of_a_held_lock(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / "lock")
    with pytest.raises(PermissionError):
        (tmp_path / "lock").unlink()
    with pytest.raises(PermissionError):
        (tmp_path / "lock").rename(tmp_path / "elsewhere")
    assert held.is_in_place()
    held.close()


def test_what_the_holder_of_a_lock_tells_can_be_read_beside_it(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / "lock")
    held.tell(4711, tmp_path / "socket")
    told = (tmp_path / "lock").read_bytes()
    assert told == b"4711\0%s\0" % os.fsencode(tmp_path / "socket")
    held.close()


def test_a_reparse_point_is_never_taken_for_what_it_points_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wine 8 has none: what Windows would say of one is put into its mouth."""
    with private_file(tmp_path / "file"):
        pass
    ensure_private_directory(tmp_path / "folder")
    said = win32.attributes_of
    monkeypatch.setattr(
        win32,
        "attributes_of",
        lambda handle: said(handle) | win32.FILE_ATTRIBUTE_REPARSE_POINT,
    )
    assert (
        fault(tmp_path / "file") == "is a link (reparse point), which is not followed"
    )
    assert folder_fault(tmp_path / "folder") == "is a link (reparse point)"
    for follow in (flush_file, open_lock_file):
        with pytest.raises(OSError, match="it is a link"):
            follow(tmp_path / "file")
