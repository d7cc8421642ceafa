"""A command of the person's own that answers, or does not."""

import threading
from pathlib import Path

import pytest

from broker.control.agent_command import CommandWay
from tests.control.questions import QUESTION


def say(way: CommandWay) -> None:
    """Ask, and await the end of the command and of what is made of it."""
    way.ask(QUESTION)
    for thread in threading.enumerate():
        if thread.name == f"question {QUESTION['id']}":
            thread.join()


def test_a_word_that_is_offered_is_an_answer() -> None:
    heard: list[tuple[str, str]] = []
    say(CommandWay(["echo", "always"], lambda *words: heard.append(words)))
    assert heard == [("0a1b2c3d", "always")]


@pytest.mark.parametrize(
    "text", ["echo yes", "echo", "echo once; exit 1", "exit 0", "echo once deny"]
)
def test_whatever_else_it_does_is_no_answer_and_the_person_is_told(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[tuple[str, str]] = []
    say(CommandWay(["sh", "-c", text], lambda *words: heard.append(words)))
    assert heard == []
    assert "brokerctl approve 0a1b2c3d" in capsys.readouterr().err


def test_what_a_command_says_that_was_ended_is_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[tuple[str, str]] = []
    ready = tmp_path / "ready"
    text = f"trap 'echo once; exit 0' TERM; : > {ready}; while :; do sleep 0.1; done"
    way = CommandWay(["sh", "-c", text], lambda *words: heard.append(words))
    way.ask(QUESTION)
    while not ready.exists():
        pass
    way.withdraw("0a1b2c3d")
    way.withdraw("another")
    way.close()
    assert heard == []
    assert capsys.readouterr().err == ""
