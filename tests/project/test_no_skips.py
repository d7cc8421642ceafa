"""A test is left out by the operating system alone, and never for want of a tool."""

import ast
from collections.abc import Iterator

import pytest

from tests.project.tree import ROOT, files

LEAVING_OUT = {"skip", "skipif", "importorskip", "xfail"}
OF_DEBIAN = ("tests/system", "tests/faults")
"""Everything that they need is installed before, and they run as root."""


def left_out(source: str) -> Iterator[str]:
    """The condition under which each test, or file of them, is left out."""
    tree = ast.parse(source)
    under = {
        id(below): ast.unparse(branch.test)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If)
        for below in ast.walk(branch)
    }
    with_condition = {
        id(call.func): ast.unparse(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".skipif")
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in LEAVING_OUT:
            continue
        if ast.unparse(node).startswith("pytest."):
            yield with_condition.get(id(node)) or under.get(id(node), node.attr)


def test_no_test_is_left_out_but_by_the_operating_system() -> None:
    for path in files():
        if path.parts[0] != "tests" or path.suffix != ".py":
            continue
        found = list(left_out((ROOT / path).read_text("utf-8")))
        assert all(one.startswith("sys.platform ") for one in found), (path, found)
        assert not (found and str(path).startswith(OF_DEBIAN)), (path, found)


@pytest.mark.parametrize(
    ("source", "condition"),
    [
        ("pytest.importorskip('gi')", "importorskip"),
        ("def f():\n    pytest.skip('no tool')", "skip"),
        ("if not shutil.which('x'):\n    pytest.skip('x')", "not shutil.which('x')"),
        ("@pytest.mark.xfail\ndef f(): ...", "xfail"),
        ("@pytest.mark.skipif(os.geteuid() != 0)\ndef f(): ...", "os.geteuid() != 0"),
    ],
)
def test_each_way_to_leave_one_out_is_found(source: str, condition: str) -> None:
    assert list(left_out(source)) == [condition]
