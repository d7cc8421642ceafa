"""`brokerctl socket add`, `list` and `remove`."""

import json

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

CI = {
    "name": "ci",
    "path": "/run/user/1000/brokerd/sockets/ci/broker.sock",
    "accounts": ["work"],
    "scopes": None,
    "resource": None,
    "max_ttl": None,
    "operations": ["token"],
    "rate": None,
    "made_at": 1767225600,
    "expires_at": None,
    "uses": None,
    "used": 0,
    "confirm": "never",
    "group": None,
    "with_process": None,
    "fault": None,
}
NARROW = {
    **CI,
    "name": "far",
    "scopes": ["a", "b"],
    "max_ttl": 600,
    "operations": ["login", "token"],
    "rate": {"most": 60, "seconds": 60},
    "expires_at": 4102444800,
    "uses": 5,
    "used": 2,
    "confirm": "first",
    "group": "builders",
    "fault": "/srv/b is not a folder",
}


def test_the_path_of_a_new_socket_is_printed(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(201, CI)))
    result = run("socket", "add", "ci", "--account", "work", "--rate", "60/min")
    assert (result.exit_code, result.stdout) == (0, f"{CI['path']}\n")
    (request,) = broker.requests
    assert (request.method, request.target) == ("POST", "/v1/sockets")
    assert request.json == {
        "name": "ci",
        "accounts": ["work"],
        "rate": {"most": 60, "seconds": 60},
    }


def test_in_json_all_of_it_is(run: Run, listen: Listen) -> None:
    listen(in_turn(http(201, CI)))
    result = run("socket", "add", "ci", "--account", "work", "--json")
    assert json.loads(result.stdout) == CI


def test_what_makes_no_sense_is_not_asked(run: Run, listen: Listen) -> None:
    broker = listen(in_turn())
    result = run("socket", "add", "ci")
    assert result.exit_code == 2
    assert "name one" in result.stderr
    assert broker.requests == []


def test_a_name_that_is_given_is_told_with_its_exit_code(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(problem_reply(409, "socket_exists")))
    assert run("socket", "add", "ci", "--account", "work").exit_code == 53


def test_the_list_tells_what_each_is_for(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, {"sockets": [CI, NARROW], "damaged": False})))
    result = run("socket", "list")
    one, two = [line.split("\t") for line in result.stdout.splitlines()]
    assert one == ["ci", "work", "token", "all", "-", "removed", CI["path"]]
    assert two[2:4] == ["login,token", "a b"]
    assert two[4] == (
        "60 in 60 s, max-ttl 600 s, used 2 of 5, confirm first, group builders"
    )
    assert "far is not open: /srv/b is not a folder" in result.stderr


def test_where_there_is_none_that_is_said(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, {"sockets": [], "damaged": False})))
    result = run("socket", "list")
    assert result.stdout == ""
    assert "no restricted sockets" in result.stderr


def test_where_they_cannot_be_read_that_is_said(run: Run, listen: Listen) -> None:
    answer = {"sockets": [], "damaged": True}
    listen(in_turn(http(200, answer), http(200, answer)))
    assert "cannot be read" in run("socket", "list").stderr
    assert json.loads(run("socket", "list", "--json").stdout) == answer


def test_one_is_removed(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(204), http(204)))
    assert run("socket", "remove", "c/i").stdout == "removed: c/i\n"
    assert broker.requests[0].target == "/v1/sockets/c%2Fi"
    assert json.loads(run("socket", "remove", "ci", "--json").stdout) == {
        "removed": "ci"
    }


def test_what_it_ends_with_is_listed(run: Run, listen: Listen) -> None:
    both = {**NARROW, "fault": None, "with_process": 4711}
    job = {**CI, "with_process": 4711}
    listen(in_turn(http(200, {"sockets": [CI, both, job], "damaged": False})))
    never, in_time, with_it = (
        line.split("\t")[5] for line in run("socket", "list").stdout.splitlines()
    )
    assert (never, with_it) == ("removed", "process 4711 ends")
    assert in_time.endswith(":00, process 4711 ends")


def test_scopes_that_an_account_does_not_have_are_told(
    run: Run, listen: Listen
) -> None:
    made = {**CI, "scopes": ["drive", "mail"]}
    accounts = [
        {"account": "work", "scopes": ["drive"]},
        {"account": "home", "scopes": []},
    ]
    listen(in_turn(http(201, made), http(200, {"accounts": accounts})))
    words = ("--account", "work", "--scope", "drive mail")
    result = run("socket", "add", "ci", *words)
    assert result.stdout == f"{CI['path']}\n"
    assert "'work' was not granted mail" in result.stderr
    assert "home" not in result.stderr
