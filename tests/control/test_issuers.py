"""`brokerctl issuers`."""

import json

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn

GOOGLE: dict[str, object] = {
    "name": "google",
    "issuer": "https://accounts.google.com",
    "template": False,
    "ways": ["loopback", "device"],
    "refused_ways": {"oob": "It is blocked. Use --paste."},
    "redirect_uri": "http://127.0.0.1/ (any port)",
    "default_scopes": ["openid", "email"],
    "origin": "shipped",
    "note": "Tests end after 7 days.",
}
YAHOO: dict[str, object] = {
    **GOOGLE,
    "name": "yahoo",
    "ways": ["oob"],
    "refused_ways": {},
    "redirect_uri": None,
    "origin": "config-instead",
    "note": None,
}


def issuers() -> bytes:
    return http(200, {"issuers": [GOOGLE, YAHOO]})


def test_issuers_are_lines_with_tabs_in_a_pipe(run: Run, listen: Listen) -> None:
    listen(in_turn(issuers()))
    result = run("issuers")
    assert result.exit_code == 0
    google, yahoo = (line.split("\t") for line in result.stdout.splitlines())
    assert google == [
        "google",
        "https://accounts.google.com",
        "loopback device",
        "http://127.0.0.1/ (any port)",
        "Tests end after 7 days.",
    ]
    assert yahoo[2:] == ["oob", "-", "-"]


def test_an_issuer_of_the_persons_own_is_said_to_be(run: Run, listen: Listen) -> None:
    listen(in_turn(issuers()))
    told = run("issuers").stderr
    assert "yahoo is your own, from config.toml, in the place of brokerd's" in told
    assert "google" not in told


def test_one_issuer_is_told_with_the_ways_that_it_refuses(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(issuers()))
    told = run("issuers", "google").stdout.splitlines()
    assert told == [
        "name: google",
        "issuer: https://accounts.google.com",
        "ways: loopback device",
        "redirect URI to register: http://127.0.0.1/ (any port)",
        "scopes, where you name none: openid email",
        "known from: brokerd",
        "not by oob: It is blocked. Use --paste.",
        "note: Tests end after 7 days.",
    ]


def test_issuers_in_json_are_the_brokers_own_answer(run: Run, listen: Listen) -> None:
    listen(in_turn(issuers(), issuers()))
    assert json.loads(run("issuers", "--json").stdout) == {"issuers": [GOOGLE, YAHOO]}
    one = json.loads(run("issuers", "yahoo", "--json").stdout)
    assert one == {"issuers": [YAHOO]}


def test_a_name_that_is_none_is_told_with_what_to_do(run: Run, listen: Listen) -> None:
    listen(in_turn(issuers()))
    result = run("issuers", "gogle")
    assert result.exit_code == 2
    assert "no issuer is known by the name 'gogle'" in result.stderr
    assert "brokerctl issuers" in result.stderr
