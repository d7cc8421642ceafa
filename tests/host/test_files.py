"""The promises of private files, on each system: tests/system/test_windows.py, too."""

import os
from pathlib import Path

import pytest

from broker.host.files import (
    fault,
    flush_file,
    flush_folder,
    is_open_to_others,
    make_private,
    open_to_read,
    private_file,
    publish,
    remove_leftover,
    replace,
)
from tests.host.others import let_others_read


def write(path: Path, text: bytes = b"text") -> Path:
    with private_file(path) as descriptor:
        os.write(descriptor, text)
    return path


def can_be_read(path: Path) -> bool:
    """Whether a reader of private files would come to the bytes."""
    try:
        descriptor = open_to_read(path)
    except OSError:
        return False
    try:
        return fault(descriptor) is None
    finally:
        os.close(descriptor)


def test_a_private_file_is_ours_and_closed_to_others(tmp_path: Path) -> None:
    path = write(tmp_path / "file", b"line\r\n\x1aend\n")
    assert path.read_bytes() == b"line\r\n\x1aend\n"
    assert fault(path) is None
    assert not is_open_to_others(path)


def test_a_private_file_is_closed_to_others_before_anything_is_in_it(
    tmp_path: Path,
) -> None:
    with private_file(tmp_path / "file") as descriptor:
        assert fault(descriptor) is None
        assert not is_open_to_others(descriptor)
        assert not is_open_to_others(tmp_path / "file")


def test_a_name_that_is_taken_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "file")
    with pytest.raises(FileExistsError), private_file(path):
        pass
    assert path.read_bytes() == b"text"


def test_a_finished_file_is_given_its_name(tmp_path: Path) -> None:
    publish(write(tmp_path / "file.new"), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"text"
    assert not is_open_to_others(tmp_path / "file")


def test_a_finished_file_is_never_put_over_another(tmp_path: Path) -> None:
    write(tmp_path / "file", b"older")
    with pytest.raises(FileExistsError):
        publish(write(tmp_path / "file.new"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"older"
    assert (tmp_path / "file.new").read_bytes() == b"text"


def test_a_finished_file_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    write(tmp_path / "file", b"older")
    replace(write(tmp_path / "file.new"), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"text"
    replace(write(tmp_path / "file.new"), tmp_path / "another")
    assert (tmp_path / "another").read_bytes() == b"text"


def test_what_is_missing_is_told_as_missing(tmp_path: Path) -> None:
    looks = (fault, is_open_to_others, make_private, open_to_read)
    for look in (*looks, flush_file, flush_folder):
        with pytest.raises(FileNotFoundError):
            look(tmp_path / "none")


def test_a_leftover_is_taken_away_whether_or_not_it_is_there(tmp_path: Path) -> None:
    remove_leftover(write(tmp_path / "file"))
    remove_leftover(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_file_and_its_folder_are_flushed(tmp_path: Path) -> None:
    flush_file(write(tmp_path / "file"))
    flush_folder(tmp_path)


def test_a_file_is_read_through_the_descriptor_that_was_looked_at(
    tmp_path: Path,
) -> None:
    descriptor = open_to_read(write(tmp_path / "file", b"line\r\n\x1aend\n"))
    assert fault(descriptor) is None
    assert os.read(descriptor, 99) == b"line\r\n\x1aend\n"
    os.close(descriptor)


def test_a_folder_in_the_place_of_a_file_is_no_file(tmp_path: Path) -> None:
    assert fault(tmp_path) == "is not a regular file"


def test_a_file_that_others_may_read_is_told_and_closed_to_them(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "file")
    let_others_read(path)
    assert is_open_to_others(path)
    assert make_private(path) is not None
    assert not is_open_to_others(path)
    assert make_private(path) is None
    assert path.read_bytes() == b"text"


def test_a_link_is_a_fault_and_is_not_read_flushed_or_written_through(
    tmp_path: Path,
) -> None:
    write(tmp_path / "file")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    assert "link" in str(fault(link))
    assert not can_be_read(link)
    with pytest.raises(OSError, match="link"):
        flush_file(link)
    with pytest.raises(FileExistsError), private_file(link):
        pass


def test_no_file_is_made_where_a_link_that_leads_nowhere_points(
    tmp_path: Path,
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError), private_file(link):
        pass
    with pytest.raises(FileExistsError):
        publish(write(tmp_path / "file.new"), link)
    assert not (tmp_path / "elsewhere").exists()
