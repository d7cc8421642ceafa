"""`brokerctl consents`: what is remembered, and how it is taken back."""

import json

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

ALWAYS: dict[str, object] = {
    "id": "0a1b2c3d",
    "answer": "always",
    "account": "work",
    "issuer": "https://issuer.example",
    "operation": "token",
    "scopes": ["drive", "mail"],
    "resource": None,
    "socket": "admin",
    "executable": "/usr/bin/python3",
    "script": "/home/ann/x\x1b[2K.py",
    "unit": None,
    "flatpak": None,
    "snap": None,
    "uid": 1000,
    "session": None,
    "given_at": 1800000000,
    "until": None,
}
SESSION = {**ALWAYS, "id": "99", "session": "tty pts/3", "until": 1800000600}
SILENCED: dict[str, object] = {
    "socket": "admin",
    "executable": "/bin/loop",
    "script": None,
    "unit": None,
    "flatpak": None,
    "snap": None,
    "uid": 1000,
    "until": 1,
}
SHUT_IN = {**SILENCED, "socket": "box", "executable": None, "uid": 1001}
ANSWER = {
    "consents": [SESSION, ALWAYS],
    "silenced": [SILENCED, SHUT_IN],
    "damaged": False,
}


@pytest.mark.parametrize("words", [["consents"], ["consents", "list"]])
def test_what_is_remembered_is_listed(
    run: Run, listen: Listen, words: list[str]
) -> None:
    listen(in_turn(http(200, ANSWER)))
    result = run(*words)
    first, second = (line.split("\t") for line in result.stdout.splitlines())
    assert first[2] == "/usr/bin/python3 /home/ann/x [2K.py"
    assert first[3] == "session (tty pts/3)"
    assert second[3:] == ["always", "-", "admin", "drive mail"]
    assert "/bin/loop is not asked about until" in result.stderr
    assert "socket box as uid 1001 is not asked about until" in result.stderr
    assert "\x1b" not in result.output


@pytest.mark.parametrize("words", [["consents"], ["consents", "list"]])
def test_programs_are_given_it_as_it_is(
    run: Run, listen: Listen, words: list[str]
) -> None:
    listen(in_turn(http(200, ANSWER)))
    assert json.loads(run(*words, "--json").stdout) == ANSWER


def test_that_nothing_is_remembered_or_that_it_is_damaged_is_told(
    run: Run, listen: Listen
) -> None:
    empty = {"consents": [], "silenced": [], "damaged": True}
    listen(in_turn(http(200, empty)))
    result = run("consents")
    assert "no answer is remembered" in result.stderr
    assert "do not count" in result.stderr


def test_one_answer_or_all_are_revoked(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(204), http(204)))
    assert run("consents", "revoke", "99").stdout == "revoked: 99\n"
    assert json.loads(run("consents", "revoke", "--all", "--json").stdout) == {
        "revoked": "all"
    }
    assert [(one.method, one.target) for one in broker.requests] == [
        ("DELETE", "/v1/consents/99"),
        ("DELETE", "/v1/consents"),
    ]


@pytest.mark.parametrize("words", [[], ["99", "--all"], ["../stop"], [""]])
def test_nothing_is_revoked_that_was_not_named(
    run: Run, listen: Listen, words: list[str]
) -> None:
    broker = listen(in_turn())
    assert run("consents", "revoke", *words).exit_code == 2
    assert broker.requests == []


def test_an_unknown_answer_has_an_exit_code(run: Run, listen: Listen) -> None:
    listen(in_turn(problem_reply(404, "unknown_consent")))
    assert run("consents", "revoke", "00").exit_code == 56
