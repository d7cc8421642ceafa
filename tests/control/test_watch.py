"""`brokerctl watch`: lines for people, JSON for machines, a command for each event."""

import json
import os
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from broker.control import watch
from broker.control.watch import event_words, events, is_wanted
from broker.model.event import EventKind
from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

HELLO = {"event": "listening", "at": 1_800_000_000}
RENEWED = {
    "event": "token_renewed",
    "at": 1_800_000_001.5,
    "account": "work",
    "issuer": "https://issuer.example",
}
NEEDED = {**RENEWED, "event": "login_needed", "account": "home", "reason": "revoked"}
MISSED = {"event": "missed", "at": 1_800_000_002}
LAST = {"event": "stopping", "at": 1_800_000_003}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def stream(*events: object) -> bytes:
    """A whole stream; the broker hangs up after it."""
    return http(200, text="".join(f"{json.dumps(event)}\n" for event in events))


def test_events_are_lines_for_people(run: Run, listen: Listen) -> None:
    listen(in_turn(stream(HELLO, RENEWED, NEEDED, LAST)))
    assert run("watch").stdout.splitlines() == [
        "08:00:00 listening",
        "08:00:01 work: token renewed",
        "08:00:01 home: login needed: revoked (run `brokerctl login home`)",
        "08:00:03 stopping",
    ]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_reads_as_words(kind: EventKind) -> None:
    words = event_words({"event": kind.value, "at": 0, "account": "work"})
    assert words.startswith("00:00:00 work: ")
    assert "_" not in words


def test_an_issuer_that_is_down_is_told_with_its_end_and_its_reason() -> None:
    down = {
        "event": "issuer_down",
        "at": 0,
        "issuer": "https://issuer.example",
        "until": 90,
        "reason": "timed out",
    }
    assert event_words(down) == (
        "00:00:00 https://issuer.example: does not answer, next try 00:01:30: timed out"
    )


def test_an_event_of_a_newer_daemon_is_told_by_its_name() -> None:
    assert event_words({"event": "moon_full", "at": 0}) == "00:00:00 moon full"


def test_events_in_json_are_the_brokers_own_lines(run: Run, listen: Listen) -> None:
    listen(in_turn(stream(HELLO, RENEWED, LAST)))
    lines = run("watch", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines[:3]] == [HELLO, RENEWED, LAST]
    assert json.loads(lines[3])["code"] == "stopping"


def test_the_end_of_the_daemon_ends_the_watch_with_a_word_and_a_code(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(stream(HELLO, LAST)))
    result = run("watch")
    assert result.exit_code == 32
    assert result.stderr.splitlines() == [
        "brokerctl: error: brokerd has stopped",
        "brokerctl: hint: `brokerctl watch --reconnect` awaits the next",
    ]


def test_a_daemon_that_goes_without_a_word_is_another_error(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(stream(HELLO)))
    assert run("watch").exit_code == 3


def test_too_many_listeners_are_an_error_of_their_own(run: Run, listen: Listen) -> None:
    listen(in_turn(problem_reply(503, "too_many_listeners", most=64)))
    assert run("watch").exit_code == 38


@pytest.mark.parametrize(
    ("accounts", "kinds", "wanted"),
    [
        ([], [], [HELLO, RENEWED, NEEDED, MISSED, LAST]),
        (["work"], [], [RENEWED, MISSED]),
        ([], ["login_needed", "stopping"], [NEEDED, MISSED, LAST]),
        (["work", "home"], ["login_needed"], [NEEDED, MISSED]),
        (["nobody"], [], [MISSED]),
    ],
)
def test_filters_leave_what_is_wanted_and_that_some_were_missed(
    accounts: list[str], kinds: list[str], wanted: list[object]
) -> None:
    events = [HELLO, RENEWED, NEEDED, MISSED, LAST]
    assert [one for one in events if is_wanted(one, accounts, kinds)] == wanted


def test_filters_are_options(run: Run, listen: Listen) -> None:
    listen(in_turn(stream(HELLO, RENEWED, NEEDED, LAST)))
    said = run("watch", "--account", "home", "--event", "login_needed").stdout
    assert said.startswith("08:00:01 home: login needed")
    assert said.count("\n") == 1


def test_a_watch_that_reconnects_hears_the_next_daemon_and_says_once_that_it_waits(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RECONNECT_SECONDS", 0)
    broker = listen(
        in_turn(
            stream(HELLO, LAST),
            b"",
            problem_reply(503, "stopping"),
            stream(HELLO, RENEWED),
            problem_reply(403, "not_permitted"),
        )
    )
    result = run("watch", "--reconnect")
    assert result.exit_code == 22
    assert [line[9:] for line in result.stdout.splitlines()] == [
        "listening",
        "stopping",
        "listening",
        "work: token renewed",
    ]
    assert result.stderr.count("waiting for the next one") == 2
    assert len(broker.requests) == 5


# --- a command for each event ------------------------------------------------------


def noting(place: Path) -> list[str]:
    """A command that writes down what it is told, and fails at logins."""
    script = place / "note.py"
    script.write_text(
        "import json, os, sys\n"
        "told = {k: v for k, v in os.environ.items() if k.startswith('BROKERD_')}\n"
        "event = json.loads(sys.stdin.read())\n"
        "line = [sys.argv[1:], told.get('BROKERD_EVENT'), event]\n"
        f"with open({str(place / 'notes')!r}, 'a') as notes:\n"
        "    notes.write(json.dumps(line) + '\\n')\n"
        "print('said', told['BROKERD_EVENT'])\n"
        "sys.exit(7 if told['BROKERD_EVENT'] == 'login_needed' else 0)\n"
    )
    return [sys.executable, str(script)]


def test_a_command_runs_for_each_event_in_order_and_its_failure_ends_nothing(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(stream(HELLO, NEEDED, RENEWED, LAST)))
    command = noting(tmp_path)
    result = run("watch", "--exec", *command, "--json", "$(touch x)", "--", "*")
    notes = [json.loads(n) for n in (tmp_path / "notes").read_text().splitlines()]
    words = ["--json", "$(touch x)", "--", "*"]
    assert notes == [
        [words, event["event"], event] for event in (HELLO, NEEDED, RENEWED, LAST)
    ]
    assert f"login_needed: {command[0]} failed with exit code 7" in result.stderr
    assert (result.exit_code, result.stdout) == (32, "")


@pytest.mark.parametrize("separator", [[], ["--"]])
def test_a_command_may_stand_after_two_dashes(
    run: Run, listen: Listen, tmp_path: Path, separator: list[str]
) -> None:
    listen(in_turn(stream(HELLO, RENEWED, LAST)))
    words = ["--event", "token_renewed", "--exec", *separator, *noting(tmp_path), "x"]
    run("watch", *words)
    assert json.loads((tmp_path / "notes").read_text())[:2] == [["x"], "token_renewed"]


@pytest.mark.parametrize("words", [["--exec"], ["true"], ["--exec", "--"]])
def test_exec_and_a_command_belong_together(
    run: Run, listen: Listen, words: list[str]
) -> None:
    broker = listen(in_turn())
    assert run("watch", *words).exit_code == 2
    assert broker.requests == []


def test_a_command_that_there_is_not_is_told_for_each_event(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(stream(HELLO, LAST)))
    result = run("watch", "--exec", "/nowhere/at-all")
    assert result.stderr.count("/nowhere/at-all cannot be run: no such file") == 2
    assert result.exit_code == 32


def test_ctrl_c_ends_a_watch_without_a_complaint(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "say_json", interrupted)
    listen(in_turn(stream(HELLO, LAST)))
    result = run("watch", "--json")
    assert (result.exit_code, result.output) == (130, "")


def test_variables_of_another_event_are_not_handed_on(
    run: Run, listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKERD_REASON", "stale")
    listen(in_turn(stream(HELLO, LAST)))
    out = tmp_path / "environment"
    script = (
        f"import os; open({str(out)!r}, 'w').write(str('BROKERD_REASON' in os.environ))"
    )
    run("watch", "--exec", sys.executable, "-c", script)
    assert out.read_text() == "False"
    assert os.environ["BROKERD_REASON"] == "stale"


def test_once_it_is_over_no_further_daemon_is_waited_for(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = Event()
    # In the pause after the first daemon, as whoever listens in a thread ends.
    monkeypatch.setattr("broker.control.watch.time.sleep", lambda _: over.set())
    broker = listen(in_turn(stream(HELLO, LAST)))
    heard = [event["event"] for event in events(reconnect=True, start=False, over=over)]
    assert heard == ["listening", "stopping"]
    assert len(broker.requests) == 1
