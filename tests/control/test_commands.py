"""What brokerctl says of itself, and what is said of it."""

import re
from collections.abc import Iterator

import click
import pytest

from broker.control.commands import brokerctl
from broker.ipc.problems import ADVICE
from tests.control.conftest import Run
from tests.project.tree import ROOT

NAMED = re.compile(
    r"(?:^ *(?:\$ )?|[`(]|\| *)brokerctl ((?:\\\n|[^`\\|;&\n#)\"…])+)", re.MULTILINE
)
"""A command as it is typed: in a block, in backticks, or within another's line."""
PAGES = ["README.md", "SECURITY.md", "clients/PROTOCOL.md", "clients/python/README.md"]
PARSED_BY_HAND = {
    "token": "--scope --resource --min-ttl --header --json --socket",
    "id-token": "--audience --min-ttl --header --json --socket",
}


def groups(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of each command that has commands below it."""
    if isinstance(command, click.Group):
        yield words
        for name, below in command.commands.items():
            yield from groups(below, *words, name)


def test_no_line_about_a_command_is_cut_off(run: Run) -> None:
    for words in groups(brokerctl):
        listed = run(*words, "--help").stdout.partition("Commands:")[2]
        cut = [line for line in listed.splitlines() if line.endswith("...")]
        assert cut == [], words


def test_the_exit_codes_stand_below_the_commands(run: Run) -> None:
    codes = run("--help").stdout.partition("Exit codes:\n")[2].splitlines()
    assert codes[0].split() == ["0", "ok"]
    assert codes[-1].split() == ["130", "interrupted"]
    # What is too long for a line goes on below its beginning.
    start = codes[0].index("ok")
    assert all(line[start - 1] == " " != line[start] for line in codes)


def untypable(text: str) -> list[str]:
    """What is no command, or no option of it, of all that a text has one type."""
    return [
        f"brokerctl {' '.join(said.split())}: {word}"
        for said in NAMED.findall(text)
        for word in unknown_words(said.replace("\\\n", " ").split(" -- ")[0].split())
    ]


def unknown_words(words: list[str]) -> Iterator[str]:
    command: click.Command = brokerctl
    while isinstance(command, click.Group) and words and words[0].islower():
        if words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            yield words[0]
            return
        command = command.commands[words.pop(0)]
    options = {"--help", *PARSED_BY_HAND.get(command.name or "", "").split()}
    for parameter in command.params:
        options |= {*parameter.opts, *parameter.secondary_opts}
    own = words[: words.index("--exec")] if "--exec" in words else words
    for word in own:
        option = word.strip("[](),.:'").partition("=")[0]
        if option.startswith("--") and option not in options:
            yield option


@pytest.mark.parametrize(
    "page", [*PAGES, *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_every_command_of_a_page_can_be_typed(page: str) -> None:
    assert untypable((ROOT / page).read_text("utf-8")) == []


@pytest.mark.parametrize("code", ADVICE)
def test_every_command_of_a_hint_can_be_typed(code: str) -> None:
    assert untypable(ADVICE[code].hint) == []


def test_what_cannot_be_typed_is_found() -> None:
    page = (
        "`brokerctl nosuch`, `brokerctl key nosuch`\n    brokerctl token a --nosuch\n"
    )
    assert [one.rpartition(": ")[2] for one in untypable(page)] == [
        "nosuch",
        "nosuch",
        "--nosuch",
    ]


def options(command: click.Command) -> Iterator[tuple[str, str]]:
    """Each option that takes something, with the word for what it takes."""
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.is_flag:
            continue
        if not isinstance(parameter.type, click.Choice):
            yield parameter.opts[0], parameter.metavar or parameter.type.name
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from options(below)


def test_what_an_option_takes_is_called_alike_in_every_command() -> None:
    called = dict(options(brokerctl))
    others = {*options(brokerctl)} - {*called.items()}
    # A rule is about programs' commands; the agent runs one.
    assert others == {("--command", "PATTERN")}
    assert called["--scope"] == "SCOPE"


def test_what_an_option_takes_is_no_type_of_pythons() -> None:
    python = {"text", "integer", "float", "integer range", "float range"}
    assert [option for option, word in options(brokerctl) if word in python] == []
