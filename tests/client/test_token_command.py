import contextlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from brokerd_client.commands.token import main
from brokerd_client.exit_codes import EXIT_CODES, exit_code
from tests.fakes.broker import FakeBroker, http, in_turn, problem_reply, token_reply


@pytest.fixture
def path(runtime: Path) -> Path:
    return runtime / "broker.sock"


def test_the_bare_token_is_printed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(token_reply("tok-1"))) as broker:
        code = main([])

    assert code == 0
    assert capsys.readouterr() == ("tok-1\n", "")
    assert broker.requests[0].json == {"min_ttl": 300.0}


def test_the_bare_token_is_asked_for_as_text_and_printed_as_it_comes(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(http(200, text="tok-1"))) as broker:
        assert main(["work"]) == 0
    assert capsys.readouterr().out == "tok-1\n"
    assert broker.requests[0].headers["accept"] == "text/plain"


@pytest.mark.parametrize("text", ["", "tok\nX: 1", "tok\x1b[2J", "t\u00f6k"])
def test_a_text_that_could_be_no_token_is_not_printed(
    path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with FakeBroker(path, in_turn(http(200, text=text))):
        assert main(["work"]) == 1
    assert capsys.readouterr().out == ""


def test_a_bare_token_that_can_do_more_than_was_asked_is_said_to_on_stderr(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = b"Extra-Scopes: mail photos\r\nConnection: close"
    reply = http(200, text="tok-1").replace(b"Connection: close", more)
    with FakeBroker(path, in_turn(reply)):
        assert main(["--scope", "drive"]) == 0
    said = "brokerd-token: note: the token can do more: mail photos\n"
    assert capsys.readouterr() == ("tok-1\n", said)


def test_the_header_can_be_had_whole(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(token_reply("tok-1"))):
        code = main(["work", "--header"])

    assert code == 0
    assert capsys.readouterr().out == "Authorization: Bearer tok-1\n"


def test_a_bound_token_is_printed_and_said_to_be_bound_on_stderr(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = b"Token-Type: DPoP\r\nConnection: close"
    bare = http(200, text="tok-1").replace(b"Connection: close", beside)
    whole = token_reply("tok-1", token_type="DPoP")
    with FakeBroker(path, in_turn(bare, whole)):
        assert main([]) == main(["--header"]) == 0
    said = capsys.readouterr()
    assert said.out == "tok-1\nAuthorization: DPoP tok-1\n"
    note = "brokerd-token: note: the token is bound to a key (DPoP): an API takes it "
    assert said.err.count(note) == 2


@pytest.mark.parametrize("token_type", [None, "mac", 7])
def test_a_token_of_an_unknown_type_is_not_printed(
    path: Path, capsys: pytest.CaptureFixture[str], token_type: object
) -> None:
    with FakeBroker(path, in_turn(token_reply("tok-1", token_type=token_type))):
        assert main(["--json"]) == 1
    assert "tok-1" not in capsys.readouterr().out


def test_json_has_everything(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBroker(path, in_turn(token_reply("tok-1"))):
        code = main(["--json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == {
        "access_token": "tok-1",
        "token_type": "Bearer",
        "expires_at": 4102444800.0,
        "scopes": ["drive", "mail"],
        "account": "work",
    }


def test_options_stand_before_and_after_the_name(path: Path) -> None:
    with FakeBroker(path, in_turn(token_reply())) as broker:
        main(["--scope=a b", "work", "--scope", "c", "--min-ttl", "9", "--resource=r"])

    assert broker.requests[0].json == {
        "account": "work",
        "scopes": ["a", "b", "c"],
        "resource": "r",
        "min_ttl": 9.0,
    }


def test_another_socket_can_be_named(tmp_path: Path) -> None:
    with FakeBroker(tmp_path / "other" / "b.sock", in_turn(token_reply())) as broker:
        assert main(["--socket", str(broker.path)]) == 0


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--scopes", "a"], "unknown option --scopes"),
        (["--json=yes"], "unknown option --json"),
        (["--scope"], "--scope needs a value"),
        (["--resource="], "--resource needs a value"),
        (["work", "home"], "one account at a time, not also 'home'"),
        (["--", "work", "home"], "one account at a time, not also 'home'"),
        (["--min-ttl", "soon"], "--min-ttl takes a number of seconds, 0 or more"),
        (["--min-ttl", "-1"], "--min-ttl takes a number of seconds, 0 or more"),
        (["--min-ttl", "nan"], "--min-ttl takes a number of seconds, 0 or more"),
        (["--min-ttl", "inf"], "--min-ttl takes a number of seconds, 0 or more"),
    ],
)
def test_wrong_arguments_are_told_and_nothing_is_asked(
    argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv, program="brokerctl token") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        f"brokerctl: error: {complaint}",
        "brokerctl: hint: `brokerctl token --help` lists the options",
    ]


@pytest.mark.parametrize(
    "argv", [["--json", "--min-ttl", "soon"], ["--scopes", "a", "--json"]]
)
def test_wrong_arguments_are_told_in_json_where_that_is_wanted(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv, program="brokerctl token") == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["code"] == "bad_request"
    assert said.err == ""


def test_a_problem_is_told_with_its_hint_and_exit_code(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(problem_reply(409, "login_required"))):
        code = main(["gone"], program="brokerctl token")

    assert code == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "brokerctl: error: the sentence of login_required",
        "brokerctl: hint: the hint of login_required",
    ]


def test_with_json_a_problem_is_its_document_on_stdout(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = problem_reply(403, "scope_not_granted", missing=["x"])
    with FakeBroker(path, in_turn(reply)):
        code = main(["--json"])

    said = capsys.readouterr()
    document = json.loads(said.out)
    assert code == 18
    assert said.err == ""
    assert document["code"] == "scope_not_granted"
    assert document["missing"] == ["x"]
    assert document["status"] == 403


@pytest.mark.parametrize("code", sorted(EXIT_CODES))
def test_every_code_has_its_exit_code(path: Path, code: str) -> None:
    with FakeBroker(path, in_turn(problem_reply(400, code))):
        assert main([]) == EXIT_CODES[code]


def test_a_code_without_an_exit_code_of_its_own_is_1() -> None:
    assert exit_code("brand_new") == 1


def test_escape_sequences_of_a_foreign_broker_do_not_reach_the_terminal(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = problem_reply(400, "evil", detail="a\x1b[2Kb\n\u202ec")
    with FakeBroker(path, in_turn(reply)):
        main([])

    assert capsys.readouterr().err.splitlines()[0].endswith("error: a [2Kb  c")


def test_without_a_broker_one_is_started_and_asked(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.ExitStack() as stack:

        def start() -> None:
            stack.enter_context(FakeBroker(path, in_turn(token_reply("tok-1"))))

        code = main([], start_broker=start)

    assert code == 0
    assert capsys.readouterr().out == "tok-1\n"


def test_without_a_broker_it_is_tried_once_more_and_no_more(
    runtime: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    starts: list[None] = []

    assert main([], start_broker=lambda: starts.append(None)) == 3
    assert len(starts) == 1
    assert f"no broker is listening at {runtime}" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["an option", "the environment"])
def test_nobody_is_started_for_a_socket_that_was_named(
    by: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = str(tmp_path / "nobody.sock")
    if by == "the environment":
        monkeypatch.setenv("BROKERD_SOCKET", named)
    starts: list[None] = []

    argv = ["--socket", named] if by == "an option" else []
    code = main(argv, start_broker=lambda: starts.append(None))

    assert code == 3
    assert starts == []
    said = capsys.readouterr().err
    assert f"no broker is listening at {named}" in said
    assert "hint: nobody listens there; unset BROKERD_SOCKET" in said


def test_a_broker_that_hangs_up_is_not_started_again(path: Path) -> None:
    starts: list[None] = []
    with FakeBroker(path, in_turn(b"")):
        assert main([], start_broker=lambda: starts.append(None)) == 3

    assert starts == []


def test_an_interruption_has_its_exit_code() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert main([], start_broker=interrupt) == 130


def test_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"], program="brokerctl token") == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: brokerctl token [NAME]")
    for code, number in EXIT_CODES.items():
        assert any(
            line.split()[:1] == [str(number)] and code in line
            for line in said.splitlines()
        )


def test_help_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.isascii()


def test_the_version_is_that_of_the_client(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"brokerd-token {version('brokerd-client')}\n"


def run_script(script: str) -> str:
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout


HEAVY = ("click", "rich", "aiohttp", "http.client", "asyncio", "email", "argparse")


@pytest.mark.parametrize(
    "what",
    [
        "from brokerd_client import BrokerClient, BrokerError, Token",
        "from brokerd_client.commands.token import main",
    ],
)
def test_importing_the_library_imports_next_to_nothing(what: str) -> None:
    script = f"""
import sys
before = set(sys.modules)
{what}
if "main" in globals():
    main(["--help"])
print(",".join(sorted(set(sys.modules) - before)))
"""
    imported = set(run_script(script).splitlines()[-1].split(","))

    assert imported.isdisjoint({*HEAVY, "typing", "dataclasses", "pathlib", "inspect"})
    assert "socket" in imported
    assert "json" not in imported


def test_the_async_client_is_there_when_it_is_asked_for() -> None:
    script = "import brokerd_client as b, sys; b.AsyncBrokerClient; import asyncio"
    run_script(script)


@pytest.mark.parametrize(
    "argv", [["--scope", "drive"], ["--scope", "drive", "--header"]]
)
def test_a_token_that_can_do_more_than_was_asked_is_said_to_on_stderr(
    argv: list[str], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(token_reply(extra_scopes=["mail"]))):
        assert main(argv, program="brokerctl token") == 0
    said = capsys.readouterr()
    assert said.out.split()[-1] == "tok-1"
    assert said.err == "brokerctl: note: the token can do more: mail\n"


@pytest.mark.parametrize("argv", [[], ["--scope", "drive mail"], ["--json"]])
def test_a_token_that_can_do_what_was_asked_is_printed_without_a_word(
    argv: list[str], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(token_reply())):
        assert main(argv) == 0
    assert capsys.readouterr().err == ""
