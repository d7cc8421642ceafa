"""What brokerctl says of itself."""

from collections.abc import Iterator

import click

from broker.control.commands import brokerctl
from tests.control.conftest import Run


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
