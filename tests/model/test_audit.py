import json

import pytest

from broker.model.account import AccountName
from broker.model.audit import AuditEntry, Result, audit_body, gap_body, result_of
from broker.model.errors import (
    BrokerError,
    ConsentPendingError,
    LockedError,
    NotPermittedError,
)
from broker.model.peer_facts import Certainty, Known, PeerFacts
from broker.model.time import UnixTime

AT = UnixTime(1_800_000_000.123456)
CURL = PeerFacts(
    uid=1000,
    pid=4711,
    executable=Known("/usr/bin/curl", Certainty.CLAIM),
    unit=Known("backup.service", Certainty.CLAIM),
    script=Known("a.sh", Certainty.GUESS),
)


def test_a_line_says_who_got_what_and_how_sure_that_is() -> None:
    entry = AuditEntry(
        operation="token",
        result=Result.SERVED,
        socket="admin",
        peer=CURL,
        account=AccountName("work"),
        scopes=frozenset({"mail", "drive"}),
        resource="https://api.example",
        rule="rule 2",
    )
    assert json.loads(audit_body(entry, AT, times=3)) == {
        "at": 1_800_000_000.123,
        "operation": "token",
        "result": "served",
        "socket": "admin",
        "account": "work",
        "resource": "https://api.example",
        "rule": "rule 2",
        "scopes": "drive mail",
        "times": 3,
        "peer": {
            "uid": 1000,
            "pid": 4711,
            "claims": {"executable": "/usr/bin/curl", "unit": "backup.service"},
            "guesses": {"script": "a.sh"},
        },
    }


def test_what_is_not_known_is_left_out() -> None:
    entry = AuditEntry(operation="daemon.start", result=Result.NOTED)
    assert json.loads(audit_body(entry, AT)) == {
        "at": 1_800_000_000.123,
        "operation": "daemon.start",
        "result": "noted",
    }


def test_a_peer_that_was_gone_already_is_told_as_such() -> None:
    gone = PeerFacts(uid=1000, pid=4711, has_exited=True)
    entry = AuditEntry(operation="token", result=Result.SERVED, peer=gone)
    peer = json.loads(audit_body(entry, AT))["peer"]
    assert peer == {"uid": 1000, "pid": 4711, "has_exited": True}


def test_what_peers_have_named_is_on_one_line_and_bounded() -> None:
    entry = AuditEntry(
        operation="token",
        result=Result.REFUSED,
        resource="https://x/\n\x1b[2K" + 9999 * "x",
        scopes=frozenset(f"{n:04}" * 20 for n in range(900)),
        code="unknown_account",
    )
    body = audit_body(entry, AT)
    assert b"\n" not in body
    assert b"\x1b" not in body
    assert len(body) < 2000


def test_two_that_differ_in_their_moment_alone_are_the_same() -> None:
    def entry(**members: object) -> AuditEntry:
        usual = {"operation": "token", "result": Result.SERVED, "peer": CURL}
        return AuditEntry(**usual | members)  # type: ignore[arg-type]  # a test's

    assert entry().sameness == entry().sameness
    others = [
        entry(operation="x"),
        entry(result=Result.REFUSED),
        entry(socket="ci"),
        entry(peer=None),
        entry(account=AccountName("work")),
        entry(scopes=frozenset({"a"})),
        entry(resource="r"),
        entry(rule="r"),
        entry(code="c"),
        entry(detail="d"),
    ]
    assert len({one.sameness for one in [entry(), *others]}) == 11


def test_a_gap_says_how_many_are_lost_since_when_and_why() -> None:
    body = gap_body(7, UnixTime(100.0), UnixTime(160.5), "No space left on device")
    assert json.loads(body) == {
        "at": 160.5,
        "operation": "audit.gap",
        "result": "noted",
        "lost": 7,
        "since": 100.0,
        "detail": "No space left on device",
    }


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (ConsentPendingError(account=AccountName("work"), question="1"), Result.ASKED),
        (NotPermittedError(what="w"), Result.DENIED),
        (LockedError(reason="r"), Result.REFUSED),
    ],
)
def test_the_result_tells_whether_it_was_asked_about_denied_or_not_to_be_had(
    error: BrokerError, result: Result
) -> None:
    assert result_of(error) is result


def test_what_is_said_for_people_may_be_longer_than_a_name() -> None:
    entry = AuditEntry(operation="x", result=Result.DONE, detail="d" * 900)
    assert json.loads(audit_body(entry, UnixTime(1)))["detail"] == "d" * 900
