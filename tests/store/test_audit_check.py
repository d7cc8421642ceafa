"""Every change to the files is found: tried with changes of all kinds."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.store.audit_chain import End
from broker.store.audit_check import FaultKind, Remembered, Verdict, check
from broker.store.audit_files import audit_files, lines_of
from tests.store.audits import AT, KEY, OTHER_KEY, body, opened, written

LINES = 40


def log() -> tuple[list[tuple[str, list[bytes]]], Remembered]:
    """Three files of one chain, and what the store remembers."""
    with tempfile.TemporaryDirectory() as folder:
        remembered = written(Path(folder), LINES, max_bytes=2500, keep=9)
        found = audit_files(Path(folder))
        files = [(path.name, list(lines_of(path))) for path in found]
    return files, remembered


FILES, REMEMBERED = log()
WHERE = [(n, m) for n, (_, lines) in enumerate(FILES) for m in range(len(lines))]


def looked(files: list[tuple[str, list[bytes]]]) -> Verdict:
    return check(KEY, files, REMEMBERED)


def changed(n: int, lines: list[bytes]) -> list[tuple[str, list[bytes]]]:
    """The files, with other lines in the nth."""
    return [(name, lines if n == i else old) for i, (name, old) in enumerate(FILES)]


def kind(files: list[tuple[str, list[bytes]]]) -> FaultKind | None:
    return next((fault.kind for fault in looked(files).faults), None)


def test_a_log_that_nobody_touched_is_whole() -> None:
    verdict = looked(FILES)
    assert len(FILES) > 2
    assert verdict.faults == ()
    assert verdict.lines == len(WHERE)
    assert verdict.end == REMEMBERED.end


@given(where=st.sampled_from(WHERE), data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_byte_that_is_changed_is_found_in_its_place(
    where: tuple[int, int], data: st.DataObject
) -> None:
    n, m = where
    lines = list(FILES[n][1])
    at = data.draw(st.integers(0, len(lines[m]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b not in (lines[m][at], 10)))
    lines[m] = lines[m][:at] + bytes([byte]) + lines[m][at + 1 :]
    fault = looked(changed(n, lines)).faults[0]
    assert (fault.file, fault.line) == (FILES[n][0], m + 1)


@given(where=st.sampled_from(WHERE))
@settings(deadline=None)
def test_any_line_that_is_removed_is_found(where: tuple[int, int]) -> None:
    n, m = where
    lines = FILES[n][1][:m] + FILES[n][1][m + 1 :]
    assert kind(changed(n, lines)) is not None


@given(one=st.sampled_from(WHERE), other=st.sampled_from(WHERE))
@settings(deadline=None)
def test_any_two_lines_that_change_places_are_found(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    files = [(name, list(lines)) for name, lines in FILES]
    a, b = files[one[0]][1], files[other[0]][1]
    a[one[1]], b[other[1]] = b[other[1]], a[one[1]]
    assert (kind(files) is None) == (one == other)


@given(where=st.sampled_from(WHERE), other=st.sampled_from(WHERE))
@settings(deadline=None)
def test_any_line_that_is_there_twice_is_found(
    where: tuple[int, int], other: tuple[int, int]
) -> None:
    files = [(name, list(lines)) for name, lines in FILES]
    files[other[0]][1].insert(other[1], FILES[where[0]][1][where[1]])
    assert kind(files) is not None


@given(where=st.sampled_from(WHERE))
@settings(deadline=None)
def test_an_end_that_is_cut_off_is_found_wherever_it_is_cut(
    where: tuple[int, int],
) -> None:
    n, m = where
    files = [*FILES[:n], (FILES[n][0], FILES[n][1][:m])]
    assert kind(files) is FaultKind.CUT


def test_no_files_at_all_are_an_end_that_is_cut_off() -> None:
    assert kind([]) is FaultKind.CUT


@pytest.mark.parametrize("n", range(len(FILES)))
def test_a_file_that_is_taken_away_is_found(n: int) -> None:
    expected = {0: FaultKind.NO_BEGINNING, len(FILES) - 1: FaultKind.CUT}
    found = kind([*FILES[:n], *FILES[n + 1 :]])
    assert found is expected.get(n, FaultKind.CUT)


def test_two_files_that_change_names_are_found() -> None:
    first, second, *rest = FILES
    swapped = [(first[0], second[1]), (second[0], first[1]), *rest]
    assert kind(swapped) is not None


def test_a_log_that_was_written_anew_under_another_key_is_found() -> None:
    assert check(OTHER_KEY, FILES, REMEMBERED).faults


def test_an_end_that_was_replaced_by_an_older_copy_is_found_by_its_number() -> None:
    older = [*FILES[:-1], (FILES[-1][0], FILES[-1][1][:-2])]
    fault = looked(older).faults[0]
    end = REMEMBERED.end.sequence
    assert f"line {end - 2} of the chain, and {end} had been written" in fault.what


def test_what_comes_after_a_fault_is_looked_through_from_the_next_file_on() -> None:
    (first, one), (second, two), *rest = FILES
    edited = [one[0], one[1][:-1], *one[2:]]
    verdict = looked([(first, edited), (second, [*two[:-1], b"{}"]), *rest])
    assert [(fault.file, fault.line) for fault in verdict.faults] == [
        (first, 2),
        (second, len(two)),
    ]
    assert verdict.end == REMEMBERED.end
    assert verdict.lines == 1 + len(two) - 1 + sum(len(lines) for _, lines in rest)


def test_a_log_that_was_begun_anew_is_looked_through_to_its_end() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        saved = written(folder, 5)
        (folder / "audit.jsonl").unlink()
        log = opened(folder, saved)
        log.append([body(number) for number in range(5)], AT)
        found, remembered = list(lines_of(folder / "audit.jsonl")), log.remembered
        log.close()
    kinds = [fault.kind for fault in check(KEY, [("a", found)], remembered).faults]
    assert kinds == [FaultKind.BROKEN_BEFORE]
    found[4] = found[4].replace(b'"at":2', b'"at":9')
    later = check(KEY, [("a", found)], remembered).faults
    assert [fault.kind for fault in later] == [
        FaultKind.BROKEN_BEFORE,
        FaultKind.EDITED,
    ]


def test_a_line_that_is_not_the_one_of_its_number_that_is_remembered_is_found() -> None:
    another = Remembered(first=1, end=End(sequence=4, mac=bytes(32)))
    (fault, *_) = check(KEY, FILES, another).faults
    assert (fault.kind, fault.line) == (FaultKind.REPLACED, 4)
