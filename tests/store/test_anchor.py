import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.host import files_posix as files
from broker.store.anchor import Anchor, AnchorUnavailableError, FileAnchor
from tests.store.samples import names_in

STORE_ID = bytes(range(16))
OTHER_ID = bytes(16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.anchor"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def anchor(path: Path) -> Anchor:
    return FileAnchor(path, STORE_ID)


def test_a_generation_is_had_again_by_a_later_daemon(path: Path) -> None:
    assert anchor(path).read() is None
    anchor(path).write(7)
    assert anchor(path).read() == 7
    anchor(path).write(2**63 - 1)
    assert anchor(path).read() == 2**63 - 1


@pytest.mark.usefixtures("open_umask")
def test_the_file_is_one_line_and_the_persons_alone_under_any_umask(path: Path) -> None:
    anchor(path).write(7)
    assert path.read_text() == "brokerd anchor 1 000102030405060708090a0b0c0d0e0f 7\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names_in(path.parent) == ["store.anchor"]


def test_the_generation_of_another_store_counts_as_none(path: Path) -> None:
    FileAnchor(path, OTHER_ID).write(7)
    assert anchor(path).read() is None


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"brokerd anchor 1 000102030405060708090a0b0c0d0e0f 7",  # torn
        b"brokerd anchor 2 000102030405060708090a0b0c0d0e0f 7\n",
        b"brokerd anchor 1 000102030405060708090a0b0c0d0e0f -7\n",
        b"brokerd anchor 1 000102030405060708090a0b0c0d0e0f 7\n\n",
        b"brokerd anchor 1 000102030405060708090a0b0c0d0e0f " + b"7" * 20 + b"\n",
        b"\xff" * 4096,
    ],
)
def test_a_file_that_cannot_be_understood_counts_as_none_and_is_replaced(
    path: Path, contents: bytes
) -> None:
    path.write_bytes(contents)
    assert anchor(path).read() is None
    anchor(path).write(7)
    assert anchor(path).read() == 7


def link_to_another_anchor(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    anchor(elsewhere).write(9)
    path.symlink_to(elsewhere)


def put_a_pipe_there(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("spoil", [link_to_another_anchor, put_a_pipe_there])
def test_what_is_no_file_of_ours_counts_as_none_and_is_replaced(
    path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(path)
    assert anchor(path).read() is None
    anchor(path).write(7)
    assert path.lstat().st_mode & 0o777 == 0o600
    assert anchor(path).read() == 7
    elsewhere = path.with_name("elsewhere")
    assert not elsewhere.exists() or anchor(elsewhere).read() == 9


def test_what_a_crash_left_half_written_harms_nothing(path: Path) -> None:
    anchor(path).write(7)
    (path.parent / "store.anchor.new").write_bytes(b"brokerd anch")
    assert anchor(path).read() == 7
    anchor(path).write(8)
    assert names_in(path.parent) == ["store.anchor"]


def test_the_file_is_on_disk_before_it_has_its_name_and_its_name_before_we_go_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[bool, bool]] = []

    def flush(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        flushed.append((is_folder, path.exists()))

    monkeypatch.setattr(files, "flush_to_disk", flush)
    anchor(path).write(7)
    assert flushed == [(False, False), (True, True)]


def test_a_disk_that_refuses_is_told_and_the_last_generation_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor(path).write(7)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(AnchorUnavailableError, match=r"anchor: No space left"):
            anchor(path).write(8)
    assert anchor(path).read() == 7


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AnchorUnavailableError, match="Not a directory"):
        anchor(tmp_path / "file" / "anchor").read()
    with pytest.raises(AnchorUnavailableError, match="No such file"):
        anchor(tmp_path / "nowhere" / "anchor").write(7)
