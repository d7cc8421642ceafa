"""`brokerctl log`: the files as people read them, and the daemon's verdict."""

import json
import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from broker.control import log as control_log
from broker.control.log import line_words, moment
from brokerd_client import BrokerError
from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

CURL = {
    "uid": 1000,
    "pid": 4711,
    "claims": {"executable": "/usr/bin/curl", "unit": "backup.service"},
}
SERVED = {
    "seq": 2,
    "at": 1_800_000_000.5,
    "operation": "token",
    "result": "served",
    "socket": "ci",
    "account": "work",
    "scopes": "mail",
    "times": 3,
    "peer": CURL,
    "mac": "00",
}
STARTED = {"seq": 1, "at": 1_700_000_000, "operation": "daemon.start"}
STARTED |= {"result": "noted", "mac": "00"}


def write(folder: Path, name: str, *lines: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_all_files_are_shown_the_oldest_first(run: Run, state: Path) -> None:
    write(state, "audit.1.jsonl", STARTED)
    write(state, "audit.jsonl", SERVED)
    result = run("log")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.endswith(" daemon.start noted")
    assert second.partition(" token ")[2] == (
        "work served 3 times by /usr/bin/curl (pid 4711, backup.service)"
        " socket=ci scopes=mail"
    )


def test_in_json_each_line_is_as_it_lies_there(run: Run, state: Path) -> None:
    write(state, "audit.jsonl", STARTED, SERVED)
    lines = run("log", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [STARTED, SERVED]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--account", "work"], [2]),
        (["--account", "home"], []),
        (["--socket", "ci"], [2]),
        (["--since", "2026-01-01"], [2]),
        (["--since", "2020-01-01T00:00:00Z"], [1, 2]),
        (["--since", "2026-01-01", "--account", "work", "--socket", "admin"], []),
    ],
)
def test_what_is_not_asked_for_is_left_out(
    run: Run, state: Path, words: list[str], shown: list[int]
) -> None:
    write(state, "audit.jsonl", STARTED, SERVED)
    lines = run("log", "--json", *words).stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == shown


def test_a_time_is_so_long_ago_or_a_date_here() -> None:
    assert moment("90s", 1000.0) == 910.0
    here = datetime(2026, 11, 27, 9).astimezone().timestamp()
    assert moment("2026-11-27T09:00", 0) == here
    for words in ("yesterday", "", "0h", "9999999999"):
        with pytest.raises(BrokerError, match="neither a time ago nor a date"):
            moment(words, 0)


def test_a_line_that_is_none_is_a_note_and_rewrites_no_terminal(
    run: Run, state: Path
) -> None:
    path = write(state, "audit.jsonl", SERVED)
    path.write_text(path.read_text() + "\x1b[2K oops")
    hostile = {**SERVED, "account": "\x1b[2K\u202e", "peer": {"claims": 1, "uid": []}}
    write(state, "audit.1.jsonl", hostile)
    result = run("log")
    assert result.exit_code == 0
    assert "no line of the log:  [2K oops" in result.stderr
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output


def test_a_gap_and_a_peer_of_which_little_is_known_have_words() -> None:
    gap = {"at": 1.0, "operation": "audit.gap", "lost": 7, "detail": "disk full"}
    assert "audit.gap 7 entries are lost detail=disk full" in line_words(gap)
    assert line_words({"peer": {"uid": 1001}}).endswith("by uid 1001")
    script = {"uid": 1, "claims": {"executable": "/p"}, "guesses": {"script": "a.py"}}
    assert line_words({"peer": script}).endswith("by a.py")


def test_where_there_is_no_log_that_is_said(run: Run) -> None:
    result = run("log")
    assert result.exit_code == 0
    assert "there is no audit log" in result.stderr


def test_a_log_that_cannot_be_read_is_an_error(run: Run, state: Path) -> None:
    state.mkdir()
    (state / "audit.jsonl").mkdir()
    assert run("log").exit_code == 24


def test_what_comes_is_followed_into_the_next_file(
    run: Run, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_log, "LOOK_SECONDS", 0.0)
    now = {**SERVED, "at": time.time() + 60}
    path = write(state, "audit.jsonl", STARTED, {**now, "seq": 3})
    looks = []

    def look(_: float) -> None:
        looks.append(1)
        if len(looks) == 1:
            with path.open("a") as stream:
                stream.write(json.dumps({**now, "seq": 4}) + "\n")
            os.replace(path, state / "audit.1.jsonl")  # noqa: PTH105 - as a rename
            write(state, "audit.jsonl", {**now, "seq": 5})
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("broker.control.log.time.sleep", look)
    result = run("log", "--follow", "--json")
    assert result.exit_code == 130
    assert [json.loads(line)["seq"] for line in result.stdout.splitlines()] == [3, 4, 5]


def test_a_log_that_does_not_begin_yet_is_waited_for(
    run: Run, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    write(state, "audit.1.jsonl", {**SERVED, "seq": 1, "at": time.time() + 60})

    def look(_: float) -> None:
        looks.append(1)
        if len(looks) == 1:
            write(state, "audit.jsonl", {**SERVED, "at": time.time() + 60})
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr("broker.control.log.time.sleep", look)
    said = run("log", "--follow", "--json").stdout
    assert [json.loads(line)["seq"] for line in said.splitlines()] == [1, 2]


def test_a_program_whose_name_would_pass_for_more_is_in_quotes() -> None:
    name = '/x/curl (pid 1) socket=admin rule="default"'
    peer = {**CURL, "claims": {"executable": name, "unit": "a b.service"}}
    said = line_words({**SERVED, "peer": peer, "rule": "rule 1"})
    assert '"/x/curl (pid 1) socket=admin rule=\\"default\\"" (pid 4711, "a b.s' in said
    assert said.endswith('socket=ci scopes=mail rule="rule 1"')


def test_a_line_that_lay_in_the_open_is_marked() -> None:
    assert line_words({**SERVED, "unsealed": True}).endswith(" (unsealed)")


@pytest.mark.parametrize("at", ["1e20", "-1e20", "9" * 400, "true", "null", '"x"'])
def test_a_line_of_no_moment_does_not_hide_those_behind_it(
    run: Run, state: Path, at: str
) -> None:
    path = write(state, "audit.jsonl")
    served = json.dumps(SERVED)
    path.write_text(f'{{"at":{at},"operation":"x"}}\n{served}\n')
    result = run("log")
    assert result.exit_code == 0
    assert " token work served " in result.stdout


WHOLE = {"lines": 42, "last": 42, "torn": 0, "faults": []}
FAULT = {"kind": "edited", "file": "audit.1.jsonl", "line": 7, "what": "it is changed"}


def test_a_log_that_nobody_changed_is_whole(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, {**WHOLE, "torn": 1})))
    result = run("log", "verify")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "42 lines are as they were written",
        "1 more were cut off by a crash, which the log says itself",
    ]
    assert broker.requests[0].target == "/v1/audit/verify"


def test_the_first_place_that_was_changed_is_named_and_in_the_exit_code(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, {**WHOLE, "faults": [FAULT]})))
    result = run("log", "verify")
    assert result.exit_code == 58
    assert result.stdout.splitlines()[1] == (
        "CHANGED: audit.1.jsonl, line 7: it is changed"
    )
    assert "none after" in result.stderr


def test_in_json_the_verdict_is_the_daemons(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, {**WHOLE, "faults": [FAULT]})))
    result = run("log", "verify", "--json")
    assert result.exit_code == 58
    assert json.loads(result.stdout)["faults"] == [FAULT]


def test_a_daemon_that_is_locked_says_so(run: Run, listen: Listen) -> None:
    listen(in_turn(problem_reply(423, "locked")))
    assert run("log", "verify").exit_code == 16
