"""Values some of whose fields are shown nowhere."""

import ast
from pathlib import Path

import pytest

from broker.ipc.wire import TokenBody
from broker.model.http import HttpRequest, HttpResponse
from broker.model.veiled import Veiled
from tests.project.tree import ROOT, modules

CANARY = "canary"
VEILED = (
    HttpRequest(method="POST", url="https://a", body=CANARY.encode()),
    HttpResponse(status=200, headers={"set-cookie": CANARY}),
    TokenBody(rejected=CANARY),
)


class _Value(Veiled, frozen=True, kw_only=True):
    veiled = frozenset({"kept"})

    shown: int
    kept: str


def test_a_repr_shows_what_is_not_veiled() -> None:
    assert repr(_Value(shown=1, kept=CANARY)) == "_Value(shown=1)"


@pytest.mark.parametrize("value", VEILED, ids=lambda value: type(value).__name__)
def test_neither_repr_shows_what_is_veiled(value: object) -> None:
    # A traceback that rich draws with its variables asks the second one.
    assert CANARY not in repr(value)
    assert CANARY not in repr(getattr(value, "__rich_repr__")())  # noqa: B009 - object


@pytest.mark.parametrize("module", modules("broker"), ids=str)
def test_a_struct_with_a_repr_of_its_own_has_both(module: Path) -> None:
    for found in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
        if isinstance(found, ast.ClassDef) and "Struct" in map(_last, found.bases):
            named = {d.name for d in found.body if isinstance(d, ast.FunctionDef)}
            assert ("__repr__" in named) == ("__rich_repr__" in named), found.name


def _last(base: ast.expr) -> str:
    return ast.unparse(base).split(".")[-1]


def test_a_value_knows_what_it_veils() -> None:
    assert _Value(shown=1, kept="a") != _Value(shown=1, kept="b")
