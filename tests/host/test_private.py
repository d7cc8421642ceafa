import os
import stat
from pathlib import Path

import pytest

from broker.host.private import ensure_private_directory
from broker.model.errors import DirectoryUnsafeError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_missing_folder_is_made_private_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        ensure_private_directory(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / "a"), mode_of(tmp_path / "a" / "b")] == [0o700, 0o700]


def test_a_private_folder_is_accepted_again(tmp_path: Path) -> None:
    ensure_private_directory(tmp_path / "a")
    ensure_private_directory(tmp_path / "a")


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o755, 0o777, 0o1777])
def test_a_folder_open_to_others_is_refused_and_left_as_it_is(
    tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(DirectoryUnsafeError, match="is open to other users"):
        ensure_private_directory(folder)
    assert mode_of(folder) == mode


def test_a_link_to_a_private_folder_is_refused(tmp_path: Path) -> None:
    ensure_private_directory(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(DirectoryUnsafeError, match="is a symbolic link"):
        ensure_private_directory(tmp_path / "link")


def test_a_dangling_link_is_not_followed_to_make_a_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryUnsafeError, match="is a symbolic link"):
        ensure_private_directory(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    with pytest.raises(DirectoryUnsafeError, match="is not a folder"):
        ensure_private_directory(tmp_path / "file")


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryUnsafeError, match="cannot be made: Not a directory"):
        ensure_private_directory(tmp_path / "file" / "below")
