"""Every module has a test file of its name, in the room of its name."""

from pathlib import Path

from tests.project.tree import ROOT, modules

TESTED_BY: dict[str, str] = {}
"""A module without a test file of its own, and the file that tests it."""


def own_test(module: Path) -> str:
    """'broker/net/outbound.py' is tested by 'tests/net/test_outbound.py'."""
    room = module.parent.relative_to("broker")
    return str("tests" / room / f"test_{module.name}")


def has_code(module: Path) -> bool:
    return module.name != "__init__.py"


def test_every_module_is_tested_where_one_looks_for_it() -> None:
    untested = {
        str(module)
        for module in modules("broker")
        if has_code(module) and not (ROOT / own_test(module)).exists()
    }
    assert untested - TESTED_BY.keys() == set(), "neither tested nor listed"
    assert TESTED_BY.keys() - untested == set(), "listed, but tested or gone"


def test_the_tests_named_for_the_others_are_there() -> None:
    missing = {test for test in TESTED_BY.values() if not (ROOT / test).exists()}
    assert missing == set()
