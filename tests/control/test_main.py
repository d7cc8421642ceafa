"""The door of `brokerctl`; `token` goes straight through it."""

import subprocess
import sys
from pathlib import Path

import pytest

from broker.control.__main__ import main
from tests.control.conftest import Listen
from tests.fakes.broker import in_turn, problem_reply, token_reply

SLOW = (
    "click",
    "rich",
    "aiohttp",
    "asyncio",
    "msgspec",
    "cryptography",
    "platformdirs",
)


def brokerctl(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Runs it with `words`; the exit code."""
    monkeypatch.setattr(sys, "argv", ["brokerctl", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_token_prints_the_bare_token(
    monkeypatch: pytest.MonkeyPatch, listen: Listen, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = listen(in_turn(token_reply("tok-1")))
    assert brokerctl(monkeypatch, "token", "work", "--scope", "mail") == 0
    assert capsys.readouterr().out == "tok-1\n"
    assert broker.requests[0].json["account"] == "work"


def test_an_error_of_token_is_told_in_the_name_of_brokerctl(
    monkeypatch: pytest.MonkeyPatch, listen: Listen, capsys: pytest.CaptureFixture[str]
) -> None:
    listen(in_turn(problem_reply(409, "login_required")))
    assert brokerctl(monkeypatch, "token", "work") == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "brokerctl: error: the sentence of login_required",
        "brokerctl: hint: the hint of login_required",
    ]


def test_token_is_the_same_command_inside_of_the_group(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert brokerctl(monkeypatch, "token", "--help") == 0
    assert capsys.readouterr().out.startswith("usage: brokerctl token ")
    assert brokerctl(monkeypatch, "--help") == 0
    assert "\n  token " in capsys.readouterr().out


def test_the_version_is_the_distributions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert brokerctl(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("brokerctl 0.")


def test_token_imports_nothing_that_is_slow(listen: Listen, runtime: Path) -> None:
    listen(in_turn(token_reply("tok-1")))
    code = (
        "import sys\n"
        "from broker.control.__main__ import main\n"
        "sys.argv = ['brokerctl', 'token', 'work']\n"
        "try: main()\n"
        f"finally: print(sorted(set({SLOW!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and words
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"BROKERD_RUNTIME_DIR": str(runtime)},
        timeout=30,
    )
    assert done.stdout == "tok-1\n[]\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("brokerctl po", {"policy"}),
        ("brokerctl socket r", {"remove", "run"}),
        ("brokerctl policy set --ex", {"--executable"}),
        ("brokerctl policy set ", {"allow", "ask", "deny"}),
    ],
)
def test_a_shell_completes_commands_options_and_choices(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    expected: set[str],
) -> None:
    monkeypatch.setenv("_BROKERCTL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert brokerctl(monkeypatch) == 0
    said = capsys.readouterr().out.splitlines()
    assert {line.partition(",")[2] for line in said} == expected
