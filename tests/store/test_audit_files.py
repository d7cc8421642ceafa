"""The names of the files, and how they are read."""

import os
from pathlib import Path

import pytest

from broker.store.audit_files import (
    audit_files,
    has_a_line,
    is_at,
    last_lines,
    lines_of,
)


def test_only_our_names_are_files_of_the_log(tmp_path: Path) -> None:
    for name in ("audit.x.jsonl", "audit.01.jsonl", "audit.-1.jsonl", "audit.12.jsonl"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in audit_files(tmp_path)] == ["audit.12.jsonl"]


def test_lines_are_read_across_blocks_and_to_an_end_without_newline(
    tmp_path: Path,
) -> None:
    lines = [b"x" * 70_000, b"", b"y" * 70_000, b"z"]
    (tmp_path / "f").write_bytes(b"\n".join(lines))
    assert list(lines_of(tmp_path / "f")) == lines


def test_a_file_of_somebody_elses_making_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "audit.jsonl")
    with pytest.raises(PermissionError, match="regular"):
        list(lines_of(tmp_path / "audit.jsonl"))


def test_its_last_lines_are_whole_and_what_comes_after_them_is_apart(
    tmp_path: Path,
) -> None:
    (tmp_path / "f").write_bytes(b"x" * 300_000 + b"\na\nb\nc")
    whole, fragment = last_lines(tmp_path / "f")
    assert (whole[-2:], fragment) == ([b"a", b"b"], b"c")
    assert has_a_line(tmp_path / "f") is False
    assert sum(map(len, whole)) < 300_000


def test_an_open_file_is_told_from_another_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"")
    with path.open("rb") as stream:
        assert is_at(path, stream.fileno())
        path.rename(tmp_path / "g")
        assert not is_at(path, stream.fileno())
        path.write_bytes(b"")
        assert not is_at(path, stream.fileno())
