"""The files: one after the other, taken up after a crash, and never silently."""

import os
import stat
from pathlib import Path

import pytest

from broker.store.audit_check import FaultKind, Remembered, Verdict
from broker.store.audit_log import AUDIT_NAME, audit_files, lines_of
from tests.store.audits import AT, OTHER_KEY, body, opened, written


def found(folder: Path, remembered: Remembered) -> Verdict:
    """What is found by the next daemon, which has gone on with the log."""
    log = opened(folder, remembered)
    log.append([body(0)], AT)
    verdict = log.check()
    log.close()
    return verdict


def names(folder: Path) -> list[str]:
    return [path.name for path in audit_files(folder)]


def newest(folder: Path) -> Path:
    return folder / AUDIT_NAME


def test_the_log_is_the_persons_alone(tmp_path: Path) -> None:
    written(tmp_path, 3)
    assert stat.S_IMODE(newest(tmp_path).stat().st_mode) == 0o600


def test_the_next_daemon_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    remembered = written(tmp_path, 5)
    verdict = found(tmp_path, remembered)
    assert verdict.fault is None
    assert verdict.lines == 1 + 5 + 1


def test_lines_that_came_after_the_end_was_saved_are_gone_on_with(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path)
    log.append([body(1)], AT)
    saved = log.remembered
    log.append([body(2), body(3)], AT)
    log.close()
    verdict = found(tmp_path, saved)
    assert (verdict.fault, verdict.lines) == (None, 5)


def test_files_are_turned_over_and_the_chain_goes_on(tmp_path: Path) -> None:
    remembered = written(tmp_path, 60, max_bytes=2000, keep=2)
    assert names(tmp_path) == ["audit.2.jsonl", "audit.1.jsonl", "audit.jsonl"]
    assert remembered.first > 1
    assert found(tmp_path, remembered).fault is None


def test_older_files_stay_until_it_is_saved_where_the_log_begins(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path, max_bytes=500, keep=1)
    before = log.remembered
    for number in range(12):
        log.append([body(number)], AT)
    assert len(names(tmp_path)) > 3
    assert log.check().fault is None
    log.close()
    # Nothing was saved: all of it must be there.
    assert found(tmp_path, before).fault is None
    log = opened(tmp_path, log.remembered, max_bytes=500, keep=1)
    log.prune()
    assert len(names(tmp_path)) == 2
    assert log.check().fault is None
    log.close()


@pytest.mark.parametrize("cut", [1, 2, 30, 100])
def test_a_line_that_a_crash_cut_off_is_told_as_that_and_not_as_a_change(
    tmp_path: Path, cut: int
) -> None:
    log = opened(tmp_path)
    log.append([body(1)], AT)
    saved = log.remembered
    log.append([body(2)], AT)
    log.close()
    os.truncate(newest(tmp_path), newest(tmp_path).stat().st_size - cut)
    verdict = found(tmp_path, saved)
    assert verdict.fault is None
    assert verdict.torn == 1


def test_what_was_cut_off_cannot_be_changed_later(tmp_path: Path) -> None:
    saved = written(tmp_path, 2)
    with newest(tmp_path).open("ab") as stream:
        stream.write(b'{"seq":4,"at":1,"oper')
    assert found(tmp_path, saved).torn == 1
    text = newest(tmp_path).read_bytes()
    newest(tmp_path).write_bytes(text.replace(b'1,"oper', b'2,"oper'))
    log = opened(tmp_path)
    fault = log.check().fault
    log.close()
    assert fault is not None
    assert (fault.kind, fault.line) == (FaultKind.EDITED, 3)


def test_a_last_line_that_was_saved_and_is_cut_off_is_a_change(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    os.truncate(newest(tmp_path), newest(tmp_path).stat().st_size - 1)
    fault = found(tmp_path, saved).fault
    assert fault is not None
    assert fault.kind is FaultKind.BROKEN_BEFORE


def test_an_end_that_is_gone_is_written_down_and_found_ever_after(
    tmp_path: Path,
) -> None:
    saved = written(tmp_path, 5)
    lines = newest(tmp_path).read_bytes().splitlines(keepends=True)
    newest(tmp_path).write_bytes(b"".join(lines[:-2]))
    for _ in range(2):
        fault = found(tmp_path, saved).fault
        assert fault is not None
        assert fault.kind is FaultKind.CUT
    assert b"audit.broken" in newest(tmp_path).read_bytes()
    assert b"instead of" in newest(tmp_path).read_bytes()


def test_a_last_line_that_was_edited_is_left_as_evidence(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    text = newest(tmp_path).read_bytes()
    newest(tmp_path).write_bytes(text.replace(b'"at":4', b'"at":9'))
    fault = found(tmp_path, saved).fault
    assert fault is not None
    assert (fault.kind, fault.file) == (FaultKind.EDITED, "audit.1.jsonl")


def test_files_that_are_gone_are_written_down(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    newest(tmp_path).unlink()
    fault = found(tmp_path, saved).fault
    assert fault is not None
    assert fault.kind is FaultKind.BROKEN_BEFORE


def test_a_log_of_another_store_is_put_aside(tmp_path: Path) -> None:
    written(tmp_path, 5)
    log = opened(tmp_path, key=OTHER_KEY)
    verdict = log.check()
    log.close()
    assert (verdict.fault, verdict.lines) == (None, 1)
    assert names(tmp_path) == ["audit.1.jsonl", "audit.jsonl"]


def test_a_file_that_a_crash_kept_from_beginning_is_begun_again(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    newest(tmp_path).rename(tmp_path / "audit.1.jsonl")
    for begun in (b"", b'{"seq":7,"at":1'):
        newest(tmp_path).write_bytes(begun)
        assert found(tmp_path, saved).fault is None


def test_a_crash_between_two_names_is_gone_on_from(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    newest(tmp_path).rename(tmp_path / "audit.1.jsonl")
    assert found(tmp_path, saved).fault is None
    assert names(tmp_path) == ["audit.1.jsonl", "audit.jsonl"]


def test_a_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("")
    newest(tmp_path).symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        opened(tmp_path)
    assert target.read_text() == ""


def test_what_the_disk_took_in_part_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[:10]))
    before = log.remembered
    with pytest.raises(OSError, match="No space left"):
        log.append([body(1)], AT)
    assert log.remembered == before
    monkeypatch.undo()
    log.append([body(1)], AT)
    assert log.check().fault is None
    log.flush()
    log.close()


def test_a_log_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.close()
    log.close()
    with pytest.raises(OSError, match="not open"):
        log.append([body(1)], AT)


def test_only_our_names_are_files_of_the_log(tmp_path: Path) -> None:
    for name in ("audit.x.jsonl", "audit.01.jsonl", "audit.-1.jsonl", "audit.12.jsonl"):
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == ["audit.12.jsonl"]


def test_lines_are_read_across_blocks_and_to_an_end_without_newline(
    tmp_path: Path,
) -> None:
    lines = [b"x" * 70_000, b"", b"y" * 70_000, b"z"]
    (tmp_path / "f").write_bytes(b"\n".join(lines))
    assert list(lines_of(tmp_path / "f")) == lines
