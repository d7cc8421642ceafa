"""The checklist of the RFCs names tests that are there, on every line."""

import re

from tests.project.tree import ROOT

PAGE = (ROOT / "docs/oauth-checklist.md").read_text()
_ROW = re.compile(r"^\| (\d+)(?:-(\d+))? \|.*\| (.*) \|$", re.MULTILINE)
DEMANDS = 68


def rows() -> dict[int, str]:
    """What shows each demand."""
    found: dict[int, str] = {}
    for first, last, shown in _ROW.findall(PAGE):
        for number in range(int(first), int(last or first) + 1):
            assert number not in found
            found[number] = shown.strip()
    return found


def test_every_demand_has_a_test_or_a_reason() -> None:
    shown = rows()
    assert sorted(shown) == list(range(1, DEMANDS + 1))
    assert [number for number, text in shown.items() if not text] == []


def test_every_test_that_is_named_is_there() -> None:
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        if "node_modules" not in path.parts
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - there == set()
