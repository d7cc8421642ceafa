"""`brokerctl pending`: what waits for the person."""

import json

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

LOGIN = {
    "id": "L1",
    "account": "work",
    "way": "loopback",
    "authorization_url": "https://issuer.example/authorize?state=s",
    "expires_at": 4102444800,
}
UNDER_WAY = http(200, {"logins": [LOGIN]})
NONE = http(200, {"logins": []})


def accounts(**states: str) -> bytes:
    listed = [
        {"account": name, "state": state, "ended_because": None}
        for name, state in states.items()
    ]
    return http(200, {"accounts": listed, "default": None})


def test_sign_ins_under_way_and_accounts_that_need_one_are_listed(
    run: Run, listen: Listen
) -> None:
    states = {"work": "dead", "home": "live", "gone": "dead", "old": "reauthenticate"}
    listen(in_turn(UNDER_WAY, accounts(**states)))
    result = run("pending")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [
        "work",
        "gone",
        "old",
    ]
    assert "https://issuer.example/authorize?state=s" in result.stdout
    assert "brokerctl login gone" in result.stdout


def test_of_a_device_code_is_shown_what_is_entered_where(
    run: Run, listen: Listen
) -> None:
    device = {"user_code": "WDJB-MJHT", "verification_uri": "https://i.example/device"}
    login = {**LOGIN, "way": "device", "authorization_url": None, "device": device}
    listen(in_turn(http(200, {"logins": [login]}), accounts()))
    assert "WDJB-MJHT at https://i.example/device" in run("pending").stdout


def test_in_json_they_are_told_apart(run: Run, listen: Listen) -> None:
    listen(in_turn(UNDER_WAY, accounts(gone="dead")))
    assert json.loads(run("pending", "--json").stdout) == {
        "logins": [LOGIN],
        "needed": [{"account": "gone", "reason": ""}],
        "leaving": [],
    }


def test_log_outs_that_are_not_yet_revoked_are_listed(run: Run, listen: Listen) -> None:
    left = {
        "account": "work",
        "issuer": "https://issuer.example",
        "since": 1767225600,
        "next_try": 1767225660,
        "reason": "no route",
    }
    answer = http(200, {"accounts": [], "default": None, "leaving": [left]})
    listen(in_turn(NONE, answer, NONE, answer))
    (line,) = run("pending").stdout.splitlines()
    assert line.startswith(
        "work\tsigned out, not yet revoked at https://issuer.example (no route)\t"
    )
    assert json.loads(run("pending", "--json").stdout)["leaving"] == [left]


def test_a_locked_store_hides_the_accounts_and_no_sign_in(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(UNDER_WAY, problem_reply(423, "locked")))
    result = run("pending")
    assert result.exit_code == 0
    assert result.stdout.startswith("work\t")
    assert "locked" in result.stderr


def test_where_nothing_waits_that_is_said(run: Run, listen: Listen) -> None:
    listen(in_turn(NONE, accounts(home="live", out="signed_out")))
    result = run("pending")
    assert (result.stdout, result.stderr) == ("", "nothing waits for you\n")
