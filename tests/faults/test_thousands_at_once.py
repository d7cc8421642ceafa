"""Ten thousand peers on one expired token, and what else may happen to a herd."""

import json
from collections.abc import Iterator

import pytest

from tests.faults.herds import curls, herd
from tests.faults.issuers import FaultyIssuer, FaultyIssuers, faulty_issuers
from tests.faults.peer import ask_token, connect, request, sign_in
from tests.faults.readings import digest, peers
from tests.system.person import Person, daemon
from tests.system.waiting import wait_until

PROCESSES = 200
CONNECTIONS = 9_800
THOUSAND = 1_000


@pytest.fixture
def pid(person: Person) -> Iterator[int]:
    """Of a running daemon."""
    with daemon(person) as running:
        yield running.pid


@pytest.fixture
def issuers() -> Iterator[FaultyIssuers]:
    with faulty_issuers() as running:
        yield running


def expired(person: Person, issuers: FaultyIssuers, name: str) -> FaultyIssuer:
    """An issuer, and an account of its name whose token is of no use any more."""
    issuer = issuers.open(name)
    issuer.set(life=0)
    sign_in(person, issuer)
    issuer.set(life=3600)
    return issuer


def connected(person: Person, pid: int) -> int:
    """How many peers the daemon has let in, whatever else it has open."""
    return peers(pid, person.socket)


def test_ten_thousand_at_once_are_answered_from_one_refresh(
    person: Person, issuers: FaultyIssuers, pid: int
) -> None:
    issuer = expired(person, issuers, "work")
    issuer.set(fault="hold")
    wait_until(lambda: connected(person, pid) == 0, "nobody is there")
    others = herd(person, CONNECTIONS, "work", processes=4)
    # Processes last: curl gives up where the queue is full.
    wait_until(lambda: connected(person, pid) == CONNECTIONS, "all are let in")
    single = curls(person, PROCESSES, "work")
    others.ask()
    ten_thousand = CONNECTIONS + PROCESSES
    wait_until(lambda: connected(person, pid) == ten_thousand, "all are there")
    wait_until(issuer.is_met, "all wait for the one refresh")
    issuer.release()

    documents = [json.loads(process.communicate()[0]) for process in single]
    answers = others.answers()
    answers.update(digest(document["access_token"]) for document in documents)
    assert answers == {digest(ask_token(person, "work").token): 10_000}
    assert issuer.refreshes() == 1


def test_the_peer_who_caused_a_refresh_may_leave(
    person: Person, issuers: FaultyIssuers, pid: int
) -> None:
    issuer = expired(person, issuers, "work")
    issuer.set(fault="hold")
    wait_until(lambda: connected(person, pid) == 0, "nobody is there")
    with connect(person) as leader:
        leader.sendall(request("POST", "/v1/token", {"account": "work"}))
        wait_until(issuer.is_met, "the refresh is under way")
        others = herd(person, THOUSAND, "work").ask()
        wait_until(lambda: connected(person, pid) == THOUSAND + 1, "all wait")
    wait_until(lambda: connected(person, pid) == THOUSAND, "the leader is gone")
    issuer.release()
    assert others.answers() == {digest(ask_token(person, "work").token): THOUSAND}
    assert issuer.refreshes() == 1


def test_a_refresh_that_fails_fails_for_all_who_wait_and_is_tried_once(
    person: Person, issuers: FaultyIssuers, pid: int
) -> None:
    issuer = expired(person, issuers, "work")
    issuer.set(fault="hold-refusal")
    wait_until(lambda: connected(person, pid) == 0, "nobody is there")
    waiting = herd(person, THOUSAND, "work").ask()
    wait_until(lambda: connected(person, pid) == THOUSAND, "all ask")
    issuer.release()
    assert waiting.answers() == {"issuer_overloaded": THOUSAND}
    assert issuer.refreshes() == 1


def test_two_accounts_do_not_wait_for_each_other(
    person: Person, issuers: FaultyIssuers, pid: int
) -> None:
    slow, quick = (expired(person, issuers, name) for name in ("slow", "quick"))
    neighbour = issuers.open("neighbour")
    slow.set(fault="hold")
    wait_until(lambda: connected(person, pid) == 0, "nobody is there")
    stuck = herd(person, THOUSAND, "slow").ask()
    wait_until(lambda: connected(person, pid) == THOUSAND, "all ask")
    # Refreshed, signed in and served from memory while the others stand.
    served = herd(person, THOUSAND, "quick").ask().answers()
    sign_in(person, neighbour)
    assert served == {digest(ask_token(person, "quick").token): THOUSAND}
    assert ask_token(person, "neighbour").code == "ok"
    assert slow.refreshes() == quick.refreshes() == 1
    slow.release()
    assert stuck.answers() == {digest(ask_token(person, "slow").token): THOUSAND}


@pytest.mark.usefixtures("pid")
def test_narrower_tokens_of_one_grant_are_asked_for_one_after_another(
    person: Person, issuers: FaultyIssuers
) -> None:
    issuer = expired(person, issuers, "work")
    wanted: list[dict[str, object]] = [
        {"account": "work"},
        {"account": "work", "scopes": ["files"]},
        {"account": "work", "scopes": ["mail"]},
    ]
    answers = herd(person, 3 * THOUSAND, *wanted).ask().answers()
    tokens = [digest(ask_token(person, **one).token) for one in wanted]  # type: ignore[arg-type]
    assert answers == dict.fromkeys(tokens, THOUSAND)
    scopes = [one["scope"] for one in issuer.requests("refresh_token")]
    assert sorted(map(str, scopes)) == ["None", "files", "mail"]
    assert (issuer.number("most"), issuer.number("reused")) == (1, 0)
