"""The policy on the socket."""

import pytest

from broker.ipc.policy_wire import (
    MOST_RULES,
    DecisionBody,
    PolicyBody,
    labels_wanted,
    policy_reply,
    policy_wanted,
    request_tested,
)
from broker.ipc.wire import parse_body
from broker.model.errors import BadRequestError
from broker.model.policy import Operation, PeerPattern, Policy, Rule, Verdict
from broker.services.served import TokenWanted
from tests.services.world import HOME, WORK

BODY = b"""{"rules": [{"verdict": "deny", "account": "work",
    "peer": {"executable": "/usr/bin/*", "tty": "pts/3"}}, {"verdict": "ask"}],
    "accounts": {"home": "deny"}, "default": "ask"}"""

POLICY = Policy(
    rules=(
        Rule(
            verdict=Verdict.DENY,
            account=WORK,
            peer=PeerPattern(executable="/usr/bin/*", tty="pts/3"),
        ),
        Rule(verdict=Verdict.ASK),
    ),
    accounts={HOME: Verdict.DENY},
    default=Verdict.ASK,
)


def wanted(body: bytes) -> Policy:
    return policy_wanted(parse_body(body, PolicyBody))


def test_every_member_gets_where_it_belongs_and_back() -> None:
    assert wanted(BODY) == POLICY
    reply = policy_reply(POLICY, is_damaged=False)
    assert reply["rules"] == [
        {
            "verdict": "deny",
            "account": "work",
            "peer": {"executable": "/usr/bin/*", "tty": "pts/3"},
        },
        {"verdict": "ask", "account": None, "peer": None},
    ]
    assert (reply["accounts"], reply["default"]) == ({"home": "deny"}, "ask")


def test_an_empty_policy_allows_everything() -> None:
    assert wanted(b"{}").is_open


@pytest.mark.parametrize(
    "body",
    [
        b'{"default": "maybe"}',
        b'{"accounts": {"-": "deny"}}',
        b'{"accounts": {"work": "no"}}',
        b'{"rules": [{"verdict": "deny", "peer": {}}]}',
        b'{"rules": [{"verdict": "deny", "peer": {"exe": "x"}}]}',
        b'{"rules": [{"verdict": "deny", "peer": {"unit": ""}}]}',
        b'{"rules": [{"verdict": "deny", "account": "-"}]}',
        b'{"rules": [{"account": "work"}]}',
        b'{"rules": [{"verdict": "deny", "peer": {"unit": "%s"}}]}' % (b"x" * 513),
        b'{"rules": [%s]}' % b",".join([b'{"verdict": "ask"}'] * (MOST_RULES + 1)),
    ],
)
def test_what_is_no_policy_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        wanted(body)


def test_the_labels_of_a_test_are_those_named() -> None:
    body = parse_body(b'{"account": "work", "labels": {"snap": "x"}}', DecisionBody)
    assert body.labels is not None
    assert labels_wanted(body.labels) == {"snap": "x"}


def meant(body: bytes) -> tuple[Operation, TokenWanted]:
    return request_tested(parse_body(body, DecisionBody))


def test_a_request_on_a_socket_is_asked_about_with_all_that_narrows_it() -> None:
    body = b"""{"account": "work", "socket": "ci", "operation": "id-token",
        "scopes": ["a", "b"], "resource": "https://api.example"}"""
    assert meant(body) == (
        Operation.ID_TOKEN,
        TokenWanted(
            account=WORK, scopes=frozenset({"a", "b"}), resource="https://api.example"
        ),
    )
    assert meant(b'{"account": "work"}') == (
        Operation.TOKEN,
        TokenWanted(account=WORK),
    )


@pytest.mark.parametrize(
    "rest",
    [
        b'"scopes": ["a"]',
        b'"resource": "https://api.example"',
        b'"operation": "login"',
        b'"socket": "ci", "operation": "manage"',
        b'"socket": "ci", "pid": 7',
        b'"socket": "ci", "labels": {"unit": "x"}',
    ],
)
def test_what_decides_nothing_is_not_taken(rest: bytes) -> None:
    with pytest.raises(BadRequestError):
        meant(b'{"account": "work", ' + rest + b"}")
