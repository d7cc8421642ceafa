import json
import subprocess
import sys
from pathlib import Path

import pytest

from brokerd_client.commands.id_token import main
from brokerd_client.exit_codes import exit_code
from tests.client.test_id_tokens import REPLY
from tests.fakes.broker import FakeBroker, http, in_turn, problem_reply


@pytest.fixture
def path(runtime: Path) -> Path:
    return runtime / "broker.sock"


def test_the_bare_id_token_is_printed(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(http(200, text="eyJ.a.b"))) as broker:
        assert main(["work"]) == 0
    assert capsys.readouterr() == ("eyJ.a.b\n", "")
    assert broker.requests[0].target == "/v1/id-token"
    assert broker.requests[0].json == {"account": "work", "min_ttl": 300.0}
    assert broker.requests[0].headers["accept"] == "text/plain"


def test_audience_and_life_are_asked_for(path: Path) -> None:
    with FakeBroker(path, in_turn(http(200, text="eyJ.a.b"))) as broker:
        assert main(["--audience", "https://a.example", "--min-ttl=60"]) == 0
    body = {"audience": "https://a.example", "min_ttl": 60.0}
    assert broker.requests[0].json == body


def test_json_says_everything(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBroker(path, in_turn(http(200, REPLY))):
        assert main(["work", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == REPLY


def test_the_header_can_be_had_whole(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(http(200, REPLY))):
        assert main(["work", "--header"]) == 0
    assert capsys.readouterr().out == "Authorization: Bearer eyJ.a.b\n"


def test_an_error_has_its_sentence_its_hint_and_its_code(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker(path, in_turn(problem_reply(409, "no_id_token"))):
        code = main(["work"], program="brokerctl id-token")
    assert code == exit_code("no_id_token") == 44
    said = capsys.readouterr()
    assert said.out == ""
    assert "brokerctl: error: the sentence of no_id_token" in said.err
    assert "brokerctl: hint: the hint of no_id_token" in said.err


@pytest.mark.parametrize("word", ["--scope=drive", "--resource=x", "--unknown"])
def test_options_of_token_alone_are_not_taken(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 2
    assert "unknown option" in capsys.readouterr().err


def test_help_and_version_need_no_broker(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--audience A" in capsys.readouterr().out
    assert main(["--version"], program="brokerctl id-token") == 0
    assert capsys.readouterr().out.startswith("brokerctl id-token ")


@pytest.mark.usefixtures("runtime")
def test_a_broker_that_is_missing_is_started_once() -> None:
    started = []

    def start() -> None:
        started.append(1)

    assert main(["work"], start_broker=start) == exit_code("broker_unreachable")
    assert started == [1]


def test_it_imports_next_to_nothing() -> None:
    script = "import sys, brokerd_client.commands.id_token; print(*sys.modules)"
    said = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-S", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "clients/python")},
    )
    heavy = {"argparse", "asyncio", "click", "dataclasses", "json", "re", "typing"}
    assert heavy & set(said.stdout.split()) == set()
