"""What the client's pages say is so."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import brokerd_client
from brokerd_client.commands.token import main
from brokerd_client.errors import _KINDS

CLIENTS = Path(__file__).parents[2] / "clients"
ROOT = CLIENTS.parent
README = (CLIENTS / "python" / "README.md").read_text()
PROTOCOL = (CLIENTS / "PROTOCOL.md").read_text()
PAGES = [
    README,
    *(p.read_text() for p in [ROOT / "README.md", *ROOT.glob("docs/*.md")]),
]
SAMPLES = [
    s for page in PAGES for s in re.findall(r"```python\n(.*?)```", page, re.DOTALL)
]


@pytest.mark.parametrize("sample", SAMPLES, ids=range(len(SAMPLES)))
def test_a_sample_of_a_page_imports_what_is_there(sample: str) -> None:
    imports: list[ast.stmt] = [
        node
        for node in ast.parse(sample).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert imports
    exec(compile(ast.Module(imports, []), "README.md", "exec"), {})  # noqa: S102 - our own page


def test_the_readme_shows_the_help_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])

    assert f"```\n{capsys.readouterr().out}```" in README


def test_the_readme_lists_every_kind_of_error_with_its_codes() -> None:
    rows = dict(re.findall(r"^\| `(\w+Error)` \| (.*) \|$", README, re.MULTILINE))

    assert set(rows) == {
        name for name in brokerd_client.__all__ if name.endswith("Error")
    } - {"BrokerError"}
    for code, kind in _KINDS.items():
        assert f"`{code}`" in rows[kind.__name__]


def test_every_public_name_is_there() -> None:
    for name in brokerd_client.__all__:
        assert getattr(brokerd_client, name).__name__ == name


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = brokerd_client.nothing_here


def test_the_protocol_page_names_the_codes_of_the_contract() -> None:
    api = yaml.safe_load((CLIENTS / "openapi.yaml").read_text())
    rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", PROTOCOL, re.MULTILINE)
    on_the_page = {code for _, codes in rows for code in re.findall(r"`(\w+)`", codes)}

    assert on_the_page == set(api["components"]["schemas"]["Code"]["examples"])


def test_the_protocol_page_explains_every_path_of_the_contract() -> None:
    api = yaml.safe_load((CLIENTS / "openapi.yaml").read_text())

    for path in api["paths"]:
        assert path.partition("{")[0] in PROTOCOL
