"""`brokerctl doctor`: the daemon's report, told."""

import json

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

ROOM = {
    "check": "disk",
    "level": "warning",
    "what": "20 MiB are free for the store",
    "hint": "make room before it is full",
}
WHOLE = {"check": "store", "level": "ok", "what": "it is whole", "hint": None}
GONE = {"check": "store", "level": "error", "what": "it is gone", "hint": "look"}


def test_each_finding_is_a_line_with_what_to_do_below(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, {"level": "warning", "findings": [ROOM, WHOLE]})))
    result = run("doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "WARNING  disk: 20 MiB are free for the store",
        "         make room before it is full",
        "ok       store: it is whole",
    ]
    assert broker.requests[0].target == "/v1/doctor"


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_an_error_is_in_the_exit_code(
    run: Run, listen: Listen, words: list[str]
) -> None:
    listen(in_turn(http(200, {"level": "error", "findings": [GONE]})))
    assert run("doctor", *words).exit_code == 39


def test_in_json_it_is_the_daemons_report(run: Run, listen: Listen) -> None:
    report = {"level": "error", "findings": [GONE, ROOM]}
    listen(in_turn(http(200, report)))
    assert json.loads(run("doctor", "--json").stdout) == report


def test_a_daemon_that_refuses_is_not_taken_for_one_that_does_not_run(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(problem_reply(403, "not_permitted")))
    assert run("doctor").exit_code == 22
