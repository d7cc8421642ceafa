"""Asks the person: passphrases, a choice, yes or no. Knows no daemon.

At a terminal, else from lines of standard input in the order of the questions; never
from arguments or the environment, which other programs can read.
"""

import sys
from collections.abc import Sequence

import click

from broker.control.output import bad_usage, tell


def is_at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def ask_passphrase(name: str = "Passphrase", *, is_new: bool) -> str:
    """One passphrase.

    Args:
        name: what a terminal shows.
        is_new: whether a terminal asks twice: nobody sees what he types.

    Raises:
        BrokerError: standard input has no further line, or an empty one.
    """
    if is_at_terminal():
        answer: str = click.prompt(
            name, hide_input=True, confirmation_prompt=is_new, err=True
        )
        return answer
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise bad_usage(
            f"no passphrase was given: {name}",
            "type it at a terminal, or pipe it in, one passphrase a line",
        )
    return line


def ask_which(question: str, choices: Sequence[str], default: int) -> int:
    """The index of one of `choices`, which are shown with numbers; at a terminal."""
    for number, choice in enumerate(choices, 1):
        tell(f"  {number}  {choice}")
    kind = click.IntRange(1, len(choices))
    answer: int = click.prompt(question, type=kind, default=default + 1, err=True)
    return answer - 1


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if the person wants to.

    Args:
        question: what will be done, and what that means.
        yes: whether --yes has answered it.

    Raises:
        BrokerError: nobody can be asked.
        click.Abort: the answer is no.
    """
    if not agrees(question, yes=yes):
        raise click.Abort


def agrees(question: str, *, yes: bool) -> bool:
    """Whether the person wants it; see `confirm`.

    Raises:
        BrokerError: nobody can be asked.
    """
    if yes:
        return True
    if not is_at_terminal():
        raise bad_usage(
            "this is done only after a question, and nobody can be asked here",
            "say --yes where it is meant",
        )
    return click.confirm(question, err=True)
