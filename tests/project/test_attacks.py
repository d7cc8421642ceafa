"""The table of attacks names tests that are there, on every row."""

import re
import tomllib

import pytest

from tests.project.tree import ROOT

PAGE = (ROOT / "docs/security.md").read_text()
_ROW = re.compile(r"^\| (\d+) \| .* \| (.*) \| (.*) \|$", re.MULTILINE)
ROWS = {int(number): (here, shown) for number, here, shown in _ROW.findall(PAGE)}
ATTACKS = 40
LATER = "comes with"
"""Where there is nothing to attack yet: credential helpers, a metadata endpoint."""

MENDED = {"aiohttp": (3, 14, 1), "oauthlib": (3, 2, 2)}
"""The first versions without the faults that rows 31 and 32 name."""


def test_every_attack_has_its_row() -> None:
    assert list(ROWS) == list(range(1, ATTACKS + 1))


@pytest.mark.parametrize("number", ROWS)
def test_every_row_names_tests_that_are_there(number: int) -> None:
    here, shown = ROWS[number]
    named = re.findall(r"`([^`]+)::(test_\w+)`", shown)
    assert named or LATER in here
    assert len(named) == shown.count("`") // 2
    for file, name in named:
        text = (ROOT / "tests" / file).read_text()
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), (file, name)


def test_the_boundary_is_said_where_one_looks_for_it() -> None:
    said = " ".join(PAGE.split())
    assert "the boundary is your user account, as with ssh-agent" in said
    assert "a program that runs as you | **your access tokens: it may ask**" in said


@pytest.mark.parametrize("name", MENDED)
def test_no_version_with_a_known_fault_is_taken(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (floor,) = [
        line.removeprefix(f"{name}>=").split(",")[0]
        for line in project["dependencies"]
        if line.startswith(f"{name}>=")
    ]
    assert tuple(int(part) for part in floor.split(".")) >= MENDED[name]
