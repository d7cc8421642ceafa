import os
from pathlib import Path

import pytest

from broker.host import read_persons_file
from broker.model.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("[network] # ü\n", "utf-8")
    path.chmod(0o644)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as fault:
        read_persons_file(path)
    assert fault.value.path == str(path)
    return fault.value.what


def test_the_persons_file_is_read(path: Path) -> None:
    assert read_persons_file(path) == "[network] # ü\n"


def test_a_missing_file_or_folder_is_none(tmp_path: Path) -> None:
    assert read_persons_file(tmp_path / "config.toml") is None
    assert read_persons_file(tmp_path / "no" / "config.toml") is None


@pytest.mark.parametrize("mode", [0o660, 0o664, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    assert refused(path) == f"others can write it (mode 0{mode:o}); `chmod go-w` it"


def test_a_link_to_the_persons_file_is_read(path: Path) -> None:
    link = path.with_name("link.toml")
    link.symlink_to(path)
    assert read_persons_file(link) == "[network] # ü\n"


def test_a_link_to_a_file_that_others_can_write_is_refused(path: Path) -> None:
    path.chmod(0o666)
    link = path.with_name("link.toml")
    link.symlink_to(path)
    assert refused(link).startswith("others can write it")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == "it is not a file"


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert refused(tmp_path / "pipe") == "it is not a file"


def test_what_is_not_utf_8_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    assert refused(path) == "it is not UTF-8"


def test_a_huge_file_is_refused(path: Path) -> None:
    os.truncate(path, 2 * 1024 * 1024)
    assert refused(path) == "it has over 1048576 bytes"
