"""`brokerctl policy`."""

import json

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import Received, http, in_turn

DENY: dict[str, object] = {
    "verdict": "deny",
    "account": "work",
    "peer": {"executable": "/usr/bin/*"},
}
ASK: dict[str, object] = {"verdict": "ask", "account": None, "peer": None}
FOUND: dict[str, object] = {
    "rules": [DENY, ASK],
    "accounts": {"home": "deny"},
    "default": "allow",
    "damaged": False,
}


def shown(**changes: object) -> bytes:
    return http(200, {**FOUND, **changes})


def put(run: Run, listen: Listen, *words: str) -> dict[str, object]:
    """What `policy WORDS` sends, where `FOUND` is in force."""
    sent: list[dict[str, object]] = []

    def answer(request: Received) -> bytes:
        if request.target == "/v1/accounts":
            return http(200, {"accounts": [{"account": "work"}]})
        if request.method == "PUT":
            sent.append(request.json)
        return shown()

    listen(answer)
    result = run("policy", *words)
    assert result.exit_code == 0, result.stderr
    (one,) = sent
    return one


def test_the_rules_are_shown_in_their_order_and_the_defaults_after_them(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(shown()))
    assert run("policy", "show").stdout.splitlines() == [
        "1\twork\texecutable=/usr/bin/*\tdeny",
        "2\t*\tevery program\task",
        "\thome\tits default\tdeny",
        "\t*\tdefault\tallow",
    ]


def test_a_pattern_cannot_rewrite_the_terminal(run: Run, listen: Listen) -> None:
    rule = {**DENY, "peer": {"unit": "a\x1b[2K"}}
    listen(in_turn(shown(rules=[rule])))
    assert "\x1b" not in run("policy", "show").stdout


def test_a_damaged_policy_is_told(run: Run, listen: Listen) -> None:
    listen(in_turn(shown(damaged=True)))
    assert "nothing is allowed" in run("policy", "show").stderr


def test_labels_make_a_rule_behind_the_others(run: Run, listen: Listen) -> None:
    sent = put(run, listen, "set", "ask", "--unit", "x.service", "--account", "work")
    rule = {"verdict": "ask", "account": "work", "peer": {"unit": "x.service"}}
    assert sent["rules"] == [DENY, ASK, rule]
    assert "damaged" not in sent


def test_a_rule_can_be_put_before_others(run: Run, listen: Listen) -> None:
    sent = put(run, listen, "set", "allow", "--tty", "pts/*", "--at", "1")
    rule = {"verdict": "allow", "account": None, "peer": {"tty": "pts/*"}}
    assert sent["rules"] == [rule, DENY, ASK]


@pytest.mark.parametrize(
    ("words", "member", "becomes"),
    [
        ("set deny", "default", "deny"),
        ("set ask --account work", "accounts", {"home": "deny", "work": "ask"}),
        ("unset 1", "rules", [ASK]),
        ("unset --account home", "accounts", {}),
        ("unset --all", "rules", []),
        ("unset --all", "accounts", {}),
    ],
)
def test_defaults_are_set_and_all_can_be_taken_away(
    run: Run, listen: Listen, words: str, member: str, becomes: object
) -> None:
    assert put(run, listen, *words.split())[member] == becomes


@pytest.mark.parametrize(
    "words",
    [
        ["unset"],
        ["unset", "1", "--all"],
        ["unset", "3"],
        ["unset", "--account", "work"],
        ["set", "ask", "--at", "1"],
        ["test", "work", "--pid", "7", "--unit", "x"],
        ["test", "work", "--scope", "drive"],
        ["test", "work", "--operation", "login"],
    ],
)
def test_what_is_not_clear_changes_nothing(
    run: Run, listen: Listen, words: list[str]
) -> None:
    listen(in_turn(shown()))
    result = run("policy", *words)
    assert result.exit_code == 2
    assert "hint:" in result.stderr


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ([], {"account": "work"}),
        (["--pid", "7"], {"account": "work", "pid": 7}),
        (["--snap", "x"], {"account": "work", "labels": {"snap": "x"}}),
        (
            ["--socket", "ci", "--scope", "a b", "--scope", "c"],
            {"account": "work", "socket": "ci", "scopes": ["a", "b", "c"]},
        ),
        (
            ["--socket=ci", "--resource=https://x", "--operation=id-token"],
            {
                "account": "work",
                "socket": "ci",
                "resource": "https://x",
                "operation": "id-token",
            },
        ),
    ],
)
def test_a_test_says_which_rule_decides(
    run: Run, listen: Listen, words: list[str], sent: object
) -> None:
    said = {"verdict": "deny", "rule": "rule 1", "labels": {"command": "x"}}
    asked: list[object] = []

    def answer(request: Received) -> bytes:
        asked.append(request.json)
        return http(200, said)

    listen(answer)
    result = run("policy", "test", "work", *words)
    assert asked == [sent]
    assert result.stdout == "deny\trule 1\n"
    assert "command: x (a claim)" in result.stderr
    assert json.loads(run("policy", "test", "work", "--json").stdout) == said


def test_a_test_says_why_a_socket_refuses(run: Run, listen: Listen) -> None:
    why = "the scopes mail ('ci' is not for that)"
    said = {"verdict": "deny", "rule": "socket ci", "why": why, "labels": {}}
    listen(in_turn(http(200, said)))
    result = run("policy", "test", "work", "--socket", "ci", "--scope", "mail")
    assert result.stdout == "deny\tsocket ci\n"
    assert why in result.stderr


def test_a_word_that_may_be_misspelt_is_told(run: Run, listen: Listen) -> None:
    def answer(request: Received) -> bytes:
        if request.target == "/v1/accounts":
            return http(200, {"accounts": [{"account": "home"}]})
        return shown()

    listen(answer)
    assert "no account 'wrk' yet" in run("policy", "set", "ask", "--account=wrk").stderr
    known = run("policy", "set", "ask", "--account=home")
    assert "yet" not in known.stderr


def test_what_a_program_says_of_itself_is_told_as_a_guess(
    run: Run, listen: Listen
) -> None:
    labels = {"executable": "/bin/sh", "script": "x.sh"}
    said = {"verdict": "deny", "rule": "rule 1", "why": None, "labels": labels}
    listen(lambda _: http(200, said))
    seen = run("policy", "test", "work", "--pid", "7").stderr
    assert "executable: /bin/sh (a claim)" in seen
    assert "script: x.sh (a guess)" in seen
    described = ("--executable", "/bin/sh", "--script", "x.sh")
    assert " (a " not in run("policy", "test", "work", *described).stderr
