"""How brokerctl speaks: results on stdout, everything else on stderr."""

import json

import click
import pytest
from click.testing import CliRunner

from broker.control.output import (
    bad_usage,
    json_option,
    say,
    say_json,
    table,
    tell,
    tell_note,
    tells_errors,
    waiting,
)
from brokerd_client import BrokerError
from brokerd_client.exit_codes import EXIT_CODES
from tests.control.conftest import Run


def ending_with(error: BaseException) -> click.Command:
    """A command that ends with `error`."""

    @click.command()
    @json_option
    @tells_errors
    def command(*, as_json: bool) -> None:
        del as_json
        raise error

    return command


@pytest.mark.parametrize(("code", "number"), EXIT_CODES.items())
def test_every_code_ends_a_command_with_its_number(code: str, number: int) -> None:
    command = ending_with(BrokerError(code, "the sentence", "the hint"))
    result = CliRunner().invoke(command, [])
    assert result.exit_code == number
    assert result.stdout == ""
    assert result.stderr == (
        "brokerctl: error: the sentence\nbrokerctl: hint: the hint\n"
    )


def test_a_code_that_nobody_knows_ends_with_one() -> None:
    assert CliRunner().invoke(ending_with(BrokerError("new", "x")), []).exit_code == 1


def test_an_error_without_a_hint_has_no_line_for_it() -> None:
    result = CliRunner().invoke(ending_with(BrokerError("locked", "x")), [])
    assert result.stderr == "brokerctl: error: x\n"


def test_an_error_in_json_is_the_problem_on_stdout() -> None:
    error = BrokerError("locked", "x", "y", status=423, facts={"reason": "z"})
    result = CliRunner().invoke(ending_with(error), ["--json"])
    assert result.exit_code == 16
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "type": "urn:brokerd:problem:locked",
        "title": "Locked",
        "status": 423,
        "code": "locked",
        "detail": "x",
        "hint": "y",
        "reason": "z",
    }


def test_ctrl_c_ends_with_130_and_one_line() -> None:
    result = CliRunner().invoke(ending_with(KeyboardInterrupt()), [])
    assert result.exit_code == 130
    assert result.output == "brokerctl: error: interrupted\n"


def test_a_bug_is_let_fall() -> None:
    result = CliRunner().invoke(ending_with(RuntimeError("our bug")), [])
    assert isinstance(result.exception, RuntimeError)


def test_bad_usage_is_the_brokers_bad_request_found_earlier() -> None:
    assert bad_usage("detail", "hint").code == "bad_request"


def test_results_go_to_stdout_and_words_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("result")
    say_json({"a": [1, "é"]})
    tell("word")
    tell_note("note")
    said = capsys.readouterr()
    assert said.out == 'result\n{"a": [1, "\\u00e9"]}\n'
    assert said.err == "word\nbrokerctl: note: note\n"


def test_a_table_in_a_pipe_has_tabs_and_no_head(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table([{"a": "1", "b": "2"}, {"a": "333", "b": ""}])
    table([])
    assert capsys.readouterr().out == "1\t2\n333\t\n"


def test_a_table_on_a_terminal_is_aligned_under_a_head(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table([{"name": "a", "state": "live"}, {"name": "longer", "state": "x"}])
    assert capsys.readouterr().out.splitlines() == [
        "NAME    STATE",
        "a       live",
        "longer  x",
    ]


def test_waiting_says_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("thinking"):
        say("result")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("result\n", "")


def test_help_names_every_command_and_every_exit_code(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ("login", "token", "accounts", "logout", "status", "stop", "service"):
        assert f"\n  {name} " in result.stdout
    for code in EXIT_CODES:
        assert code in result.stdout
    assert "130" in result.stdout


@pytest.mark.parametrize("name", ["login", "accounts", "default", "logout", "status"])
def test_every_command_has_help_and_json(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_an_unknown_command_is_bad_usage(run: Run) -> None:
    assert run("logon").exit_code == 2
    assert run("login").exit_code == 2
