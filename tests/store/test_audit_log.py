"""The files: one after the other, taken up after a crash, and never silently."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.store import audit_log
from broker.store.audit_chain import End
from broker.store.audit_check import FaultKind, Remembered, Verdict
from broker.store.audit_files import AUDIT_NAME, audit_files
from broker.store.audit_log import AuditLog
from tests.store.audits import AT, KEY, OTHER_KEY, body, opened, written


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
    assert verdict.faults == ()
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
    assert (verdict.faults, verdict.lines) == ((), 5)


def test_files_are_turned_over_and_the_chain_goes_on(tmp_path: Path) -> None:
    remembered = written(tmp_path, 60, max_bytes=2000, keep=2)
    assert names(tmp_path) == ["audit.2.jsonl", "audit.1.jsonl", "audit.jsonl"]
    assert remembered.first > 1
    assert found(tmp_path, remembered).faults == ()


def test_older_files_stay_until_it_is_saved_where_the_log_begins(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path, max_bytes=500, keep=1)
    before = log.remembered
    for number in range(12):
        log.append([body(number)], AT)
    assert len(names(tmp_path)) > 3
    assert log.check().faults == ()
    log.close()
    # Nothing was saved: all of it must be there.
    assert found(tmp_path, before).faults == ()
    log = opened(tmp_path, log.remembered, max_bytes=500, keep=1)
    log.prune()
    assert len(names(tmp_path)) == 2
    assert log.check().faults == ()
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
    assert verdict.faults == ()
    assert verdict.torn == 1


def test_what_was_cut_off_cannot_be_changed_later(tmp_path: Path) -> None:
    saved = written(tmp_path, 2)
    with newest(tmp_path).open("ab") as stream:
        stream.write(b'{"seq":4,"at":1,"oper')
    assert found(tmp_path, saved).torn == 1
    text = newest(tmp_path).read_bytes()
    newest(tmp_path).write_bytes(text.replace(b'1,"oper', b'2,"oper'))
    log = opened(tmp_path)
    fault = log.check().faults[0]
    log.close()
    assert fault is not None
    assert (fault.kind, fault.line) == (FaultKind.EDITED, 3)


def test_a_last_line_that_was_saved_and_is_cut_off_is_a_change(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    os.truncate(newest(tmp_path), newest(tmp_path).stat().st_size - 1)
    fault = found(tmp_path, saved).faults[0]
    assert fault.kind is FaultKind.BROKEN_BEFORE


def test_an_end_that_is_gone_is_written_down_and_found_ever_after(
    tmp_path: Path,
) -> None:
    saved = written(tmp_path, 5)
    lines = newest(tmp_path).read_bytes().splitlines(keepends=True)
    newest(tmp_path).write_bytes(b"".join(lines[:-2]))
    for _ in range(2):
        fault = found(tmp_path, saved).faults[0]
        assert fault.kind is FaultKind.CUT
    assert b"audit.broken" in newest(tmp_path).read_bytes()
    assert b"instead of" in newest(tmp_path).read_bytes()


def test_a_last_line_that_was_edited_is_left_as_evidence(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    text = newest(tmp_path).read_bytes()
    newest(tmp_path).write_bytes(text.replace(b'"at":4', b'"at":9'))
    fault = found(tmp_path, saved).faults[0]
    assert (fault.kind, fault.file) == (FaultKind.EDITED, "audit.1.jsonl")


def test_files_that_are_gone_are_written_down(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    newest(tmp_path).unlink()
    fault = found(tmp_path, saved).faults[0]
    assert fault.kind is FaultKind.BROKEN_BEFORE


def test_a_log_of_another_store_is_put_aside(tmp_path: Path) -> None:
    written(tmp_path, 5)
    log = opened(tmp_path, key=OTHER_KEY)
    verdict = log.check()
    log.close()
    assert (verdict.faults, verdict.lines) == ((), 1)
    assert names(tmp_path) == ["audit.1.jsonl", "audit.jsonl"]


def test_a_file_that_a_crash_kept_from_beginning_is_begun_again(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    newest(tmp_path).rename(tmp_path / "audit.1.jsonl")
    for begun in (b"", b'{"seq":7,"at":1'):
        newest(tmp_path).write_bytes(begun)
        assert found(tmp_path, saved).faults == ()


def test_a_crash_between_two_names_is_gone_on_from(tmp_path: Path) -> None:
    saved = written(tmp_path, 5)
    newest(tmp_path).rename(tmp_path / "audit.1.jsonl")
    assert found(tmp_path, saved).faults == ()
    assert names(tmp_path) == ["audit.1.jsonl", "audit.jsonl"]


def make_a_link(path: Path) -> None:
    path.symlink_to(path.parent / "precious")


def make_a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [make_a_link, make_a_folder, os.mkfifo])
@pytest.mark.parametrize("is_open", [True, False])
def test_what_is_no_file_in_its_place_is_put_aside_and_said(
    tmp_path: Path, make: Callable[[Path], None], *, is_open: bool
) -> None:
    log = opened(tmp_path)
    log.append([body(1)], AT)
    newest(tmp_path).unlink()
    if not is_open:
        log.close()
    make(newest(tmp_path))
    if not is_open:
        log = opened(tmp_path, log.remembered)
    log.append([body(2)], AT)
    first, *_, broken = log.check().faults
    assert (first.kind, first.file) == (FaultKind.UNREADABLE, "audit.1.jsonl")
    assert broken.kind is FaultKind.BROKEN_BEFORE
    assert not (tmp_path / "precious").exists()
    log.close()


def test_an_older_file_that_cannot_be_read_keeps_nobody_from_the_others(
    tmp_path: Path,
) -> None:
    saved = written(tmp_path, 60, max_bytes=2000, keep=2)
    (tmp_path / "audit.1.jsonl").unlink()
    (tmp_path / "audit.1.jsonl").mkdir()
    (fault, *_) = found(tmp_path, saved).faults
    assert (fault.kind, fault.file) == (FaultKind.UNREADABLE, "audit.1.jsonl")
    assert fault.what.startswith("it cannot be read: is not a regular file")


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
    assert log.check().faults == ()
    log.flush()
    log.close()


def test_a_log_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.close()
    log.close()
    with pytest.raises(OSError, match="not open"):
        log.append([body(1)], AT)


def full(folder: Path) -> AuditLog:
    """A log whose file is full: with the next line, another one begins."""
    log = opened(folder, max_bytes=500)
    while newest(folder).stat().st_size < 500:
        log.append([body(1)], AT)
    return log


@contextmanager
def refusing(name: str, at: object = os) -> Iterator[None]:
    """While the system refuses calls of this name."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at, name, refuse)
        yield


@pytest.mark.parametrize(
    ("call", "at"),
    [
        ("write", os),
        ("rename", Path),
        ("open_to_append", audit_log),
        ("flush_folder", audit_log),
    ],
)
def test_a_file_that_could_not_be_begun_is_begun_with_the_next_lines(
    call: str, at: object, tmp_path: Path
) -> None:
    log = full(tmp_path)
    with refusing(call, at):
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                log.append([body(2)], AT)
    assert log.append([body(2)], AT)
    assert names(tmp_path) == ["audit.1.jsonl", "audit.jsonl"]
    assert log.check().faults == ()
    log.close()


def test_the_end_of_a_full_file_is_on_the_disk_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, flushed = full(tmp_path), []

    def flush(descriptor: int) -> None:
        flushed.append(os.path.samestat(os.fstat(descriptor), before))

    before = newest(tmp_path).stat()
    monkeypatch.setattr(audit_log, "flush_to_disk", flush)
    log.append([body(2)], AT)
    assert flushed == [True]
    log.close()


@pytest.mark.parametrize("is_another_there", [False, True])
def test_a_file_that_is_taken_away_meanwhile_is_said_and_gone_on_without(
    tmp_path: Path, *, is_another_there: bool
) -> None:
    log = opened(tmp_path)
    log.append([body(1)], AT)
    newest(tmp_path).unlink()
    if is_another_there:
        newest(tmp_path).write_bytes(b"not a line\n")
    assert log.append([body(2)], AT)
    assert b"while the daemon ran" in newest(tmp_path).read_bytes()
    assert not log.append([body(3)], AT)
    kinds = [fault.kind for fault in log.check().faults]
    assert kinds[-1] is FaultKind.BROKEN_BEFORE
    assert b'"at":3' in newest(tmp_path).read_bytes()
    log.close()


def test_a_log_that_goes_on_from_a_crash_on_a_full_disk_holds_one_file(
    tmp_path: Path,
) -> None:
    saved = written(tmp_path, 2)
    with newest(tmp_path).open("ab") as stream:
        stream.write(b"torn")
    log = AuditLog(tmp_path, max_bytes=10**6, keep=2)
    held = len(list(Path("/dev/fd").iterdir()))
    with refusing("write"):
        for _ in range(5):
            with pytest.raises(OSError, match="No space left"):
                log.open(KEY, saved, AT)
    assert len(list(Path("/dev/fd").iterdir())) == held + 1
    log.close()


def test_an_end_that_is_not_what_the_store_remembers_is_a_change(
    tmp_path: Path,
) -> None:
    saved = written(tmp_path, 5)
    end = End(sequence=saved.end.sequence, mac=bytes(32))
    replaced, broken = found(tmp_path, Remembered(first=1, end=end)).faults
    assert replaced.kind is FaultKind.REPLACED
    assert "not what the store remembers" in broken.what


def test_an_older_file_that_is_taken_away_is_missed_until_it_would_be_gone_anyway(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path, max_bytes=500, keep=3)
    told: list[bool] = []
    for number in range(1, 60):
        if log.append([body(number)], AT):
            log.prune()
            if len(told) == 1:
                (tmp_path / "audit.2.jsonl").unlink()
            told.append(bool(log.check().faults))
    log.close()
    assert told == [False, True, True, True] + [False] * (len(told) - 4)
