"""What was typed wrong, told as brokerctl tells everything."""

import json

import pytest

from tests.control.conftest import Run

WRONG = [
    (["nosuch"], "no such command 'nosuch'", "`brokerctl --help`"),
    (["--nosuch"], "no such option", "`brokerctl --help`"),
    (["login"], "missing argument 'NAME'", "`brokerctl login --help`"),
    (
        ["socket", "add", "ci", "--uses", "0"],
        "invalid value for '--uses'",
        "`brokerctl socket add --help`",
    ),
]


@pytest.mark.parametrize(("words", "detail", "hint"), WRONG)
def test_what_was_typed_wrong_has_a_sentence_and_a_hint(
    run: Run, words: list[str], detail: str, hint: str
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith(f"brokerctl: error: {detail}")
    assert not first.endswith(".")
    assert second == f"brokerctl: hint: {hint} says what there is"
    assert not result.stdout


@pytest.mark.parametrize(("words", "detail", "hint"), WRONG)
def test_it_is_told_in_json_where_that_is_wanted(
    run: Run, words: list[str], detail: str, hint: str
) -> None:
    result = run(*words, "--json")
    assert result.exit_code == 2
    problem = json.loads(result.stdout)
    assert problem["code"] == "bad_request"
    assert problem["detail"].startswith(detail)
    assert problem["hint"].startswith(hint)
    assert not result.stderr


def test_json_of_a_command_behind_the_dashes_is_that_ones(run: Run) -> None:
    result = run("socket", "run", "--nosuch", "job", "--", "tool", "--json")
    assert result.exit_code == 2
    assert result.stderr.startswith("brokerctl: error: no such option")


@pytest.mark.parametrize("words", [[], ["key"], ["socket"]])
def test_no_word_at_all_is_answered_with_the_help(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.output.startswith(f"Usage: {' '.join(['brokerctl', *words])}")
    assert "error" not in result.stderr.splitlines()[0]
