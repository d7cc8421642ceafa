"""An issuer that has failed is left in peace for a while, however many ask."""

from collections.abc import Iterator

import pytest

from tests.faults.clocks import Clock, boot_clock
from tests.faults.herds import herd
from tests.faults.issuers import FaultyIssuer, faulty_issuers
from tests.faults.misbehaviour import PATIENCE_ASKED
from tests.faults.peer import ask_token, sign_in
from tests.system.person import Person, daemon
from tests.system.waiting import wait_until

THOUSAND = 1_000
LONGEST_PEACE = 600

HANDFUL = 9
"""Refreshes: the first pause is of a second, and each is twice the one before."""


@pytest.fixture
def clock(person: Person) -> Iterator[Clock]:
    """Of a running daemon."""
    clock = boot_clock(person)
    with daemon(clock.person):
        yield clock


@pytest.fixture
def issuer(clock: Clock) -> Iterator[FaultyIssuer]:
    """One with an account whose token is of no use any more."""
    with faulty_issuers() as issuers:
        issuer = issuers.open("work")
        issuer.set(life=0)
        sign_in(clock.person, issuer)
        issuer.set(life=3600)
        yield issuer


@pytest.mark.parametrize("fault", ["status-500", "html", "drop", "invalid-client"])
def test_thousands_who_ask_after_a_failure_are_told_of_it_and_hardly_any_asks(
    fault: str, clock: Clock, issuer: FaultyIssuer
) -> None:
    issuer.set(fault=fault)
    failure = ask_token(clock.person, "work").code
    # Each of them begins after the one before has been told.
    told = [ask_token(clock.person, "work").code for _ in range(20)]
    assert told == [failure] * 20
    answers = herd(clock.person, THOUSAND, "work").ask().answers()
    assert answers == {failure: THOUSAND}
    assert issuer.refreshes() <= HANDFUL
    issuer.set(fault=None)
    clock.throw(LONGEST_PEACE)
    assert ask_token(clock.person, "work").code == "ok"


@pytest.mark.parametrize("fault", ["status-429-seconds", "status-429-date"])
def test_an_issuer_that_names_its_time_is_not_asked_before(
    fault: str, clock: Clock, issuer: FaultyIssuer
) -> None:
    issuer.set(fault=fault)
    assert ask_token(clock.person, "work").code == "issuer_overloaded"
    issuer.set(fault=None)
    wait_until(lambda: ask_token(clock.person, "work").code == "ok", "it is asked")
    first, second = [one["at"] for one in issuer.requests("refresh_token")]
    assert isinstance(first, float)
    assert isinstance(second, float)
    # A date has whole seconds, so up to one of them is lost on the way.
    assert second - first > PATIENCE_ASKED - 1


def test_a_living_token_is_served_while_its_issuer_is_down_and_says_so(
    clock: Clock, issuer: FaultyIssuer
) -> None:
    living = ask_token(clock.person, "work")
    issuer.set(fault="status-500")
    clock.throw(1800)
    more = {"min_ttl": 3000}
    served = [ask_token(clock.person, "work", **more) for _ in range(20)]
    assert {one.token for one in served} == {living.token}
    assert issuer.refreshes() <= HANDFUL
    down = ask_token(clock.person, "work").document["issuer_down"]
    assert isinstance(down, dict)
    assert down["issuer"] == issuer.url
