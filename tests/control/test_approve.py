"""`brokerctl approve`: shows, asks at a terminal, and guesses nothing."""

import json

import pytest

from broker.control import watch
from tests.control.conftest import Listen, Run
from tests.control.questions import ANSWERED, ASKED, QUESTION, SECOND
from tests.fakes.broker import Received, http, in_turn, problem_reply

HOSTILE = "\x1b[2K\u202e<script>\x9b31m"

at_terminal = pytest.mark.usefixtures("at_terminal")


def open_now(*questions: object) -> bytes:
    return http(200, {"questions": list(questions)})


def said(answer: str) -> bytes:
    return http(200, {"id": "0a1b2c3d", "answer": answer})


def test_that_nothing_is_open_is_told_and_no_fault(run: Run, listen: Listen) -> None:
    listen(in_turn(open_now()))
    result = run("approve")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no question is open" in result.stderr


@at_terminal
@pytest.mark.parametrize("answer", ["once", "session", "always", "deny"])
def test_what_is_typed_is_the_answer(run: Run, listen: Listen, answer: str) -> None:
    broker = listen(in_turn(open_now(QUESTION), said(answer)))
    result = run("approve", typed=f"{answer}\n")
    assert result.exit_code == 0, result.output
    assert "May curl have an access token of work?" in result.stdout
    assert "program  /usr/bin/curl (claimed)" in result.stdout
    assert "may be imitated by programs running as you" in result.stdout
    assert broker.requests[1].target == "/v1/questions/0a1b2c3d"
    assert broker.requests[1].json == {"answer": answer}


@at_terminal
def test_the_return_key_alone_denies(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(open_now(QUESTION), said("deny")))
    assert run("approve", typed="\n").stdout.endswith("denied\n")
    assert broker.requests[1].json == {"answer": "deny"}


@at_terminal
def test_a_question_can_be_left_for_later_and_the_next_one_is_asked(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(open_now(QUESTION, SECOND), said("once")))
    assert run("approve", typed="later\nonce\n").exit_code == 0
    assert [one.target for one in broker.requests[1:]] == ["/v1/questions/99999999"]


@at_terminal
def test_only_what_the_daemon_offers_is_offered(run: Run, listen: Listen) -> None:
    once = {**QUESTION, "answers": ["once", "deny", "forever"]}
    listen(in_turn(open_now(once), said("deny")))
    result = run("approve", typed="always\nforever\ndeny\n")
    assert result.stderr.count("is not one of") == 2


@at_terminal
def test_an_answer_that_comes_too_late_is_told(run: Run, listen: Listen) -> None:
    listen(in_turn(open_now(QUESTION), problem_reply(404, "unknown_question")))
    result = run("approve", typed="once\n")
    assert result.exit_code == 0
    assert "the sentence of unknown_question" in result.stderr


def test_without_a_terminal_nothing_is_guessed(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(open_now(QUESTION)))
    result = run("approve", typed="once\n")
    assert result.exit_code == 2
    assert "0a1b2c3d" in result.stdout
    assert len(broker.requests) == 1


@pytest.mark.parametrize("answer", ["once", "session", "always", "deny"])
def test_a_named_question_is_answered_anywhere(
    run: Run, listen: Listen, answer: str
) -> None:
    broker = listen(in_turn(said(answer)))
    assert run("approve", "0a1b2c3d", f"--{answer}").exit_code == 0
    assert broker.requests[0].json == {"answer": answer}


def test_an_answer_without_a_question_is_refused(run: Run, listen: Listen) -> None:
    broker = listen(in_turn())
    assert run("approve", "--always").exit_code == 2
    assert run("approve", "--watch", "--once").exit_code == 2
    assert broker.requests == []


@pytest.mark.parametrize("question_id", ["../stop", "a/page", "a?b", ""])
def test_an_id_leads_nowhere_else(run: Run, listen: Listen, question_id: str) -> None:
    broker = listen(in_turn())
    assert run("approve", question_id, "--once").exit_code == 2
    assert broker.requests == []


def test_a_question_that_is_not_open_has_an_exit_code(run: Run, listen: Listen) -> None:
    listen(in_turn(open_now(SECOND)))
    assert run("approve", "0a1b2c3d").exit_code == 56


def test_programs_are_given_the_questions_as_they_are(run: Run, listen: Listen) -> None:
    listen(in_turn(open_now(QUESTION)))
    assert json.loads(run("approve", "--json").stdout) == {"questions": [QUESTION]}


@at_terminal
def test_no_label_reaches_the_terminal_as_it_was_meant(
    run: Run, listen: Listen
) -> None:
    details = [{"name": HOSTILE, "value": HOSTILE}]
    hostile = {**QUESTION, "title": HOSTILE, "details": details, "caution": HOSTILE}
    listen(in_turn(open_now(hostile), said("deny")))
    shown = run("approve", typed="deny\n").output
    assert not set(shown) & {"\x1b", "\x9b", "\u202e"}


@at_terminal
def test_a_watch_asks_as_questions_come(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RECONNECT_SECONDS", 0)
    lines = [{"event": "listening", "at": 0}, ASKED, ANSWERED, ASKED]
    stream = http(200, text="".join(f"{json.dumps(one)}\n" for one in lines))
    streams = iter([stream, problem_reply(403, "not_permitted")])
    questions = iter([open_now(QUESTION), open_now()])

    def answer(received: Received) -> bytes:
        if received.target == "/v1/events":
            return next(streams)
        if received.target == "/v1/questions":
            return next(questions)
        return said("once")

    broker = listen(answer)
    result = run("approve", "--watch", typed="once\n")
    assert result.exit_code == 22
    assert [one.json for one in broker.requests if one.method == "POST"] == [
        {"answer": "once"}
    ]


def test_a_watch_for_programs_answers_nothing(
    run: Run, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "RECONNECT_SECONDS", 0)
    stream = http(200, text=f"{json.dumps(ASKED)}\n")
    listen(in_turn(stream, open_now(QUESTION), problem_reply(403, "not_permitted")))
    result = run("approve", "--watch", "--json")
    assert json.loads(result.stdout.splitlines()[0]) == QUESTION
    assert run("approve", "--watch").exit_code == 2
