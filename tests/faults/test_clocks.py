"""Clocks that jump, boots that change, a machine that sleeps: no stale token is served,
a fresh one is, and from one refresh."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.clocks import boot_clock, on_another_boot, wall_clock
from tests.faults.herds import herd
from tests.faults.issuers import FaultyIssuer, faulty_issuers
from tests.faults.peer import Answer, ask_token, sign_in
from tests.faults.readings import digest
from tests.system.person import Person, daemon
from tests.system.waiting import wait_until

HOUR = 3600
DAY = 24 * HOUR
SHORT = 3
"""Seconds of a life that a test can wait for."""

PEERS = 50


@pytest.fixture
def issuer() -> Iterator[FaultyIssuer]:
    with faulty_issuers() as issuers:
        yield issuers.open("work")


def all_ask(person: Person) -> str:
    """Digest of the one token that many peers get, who ask at once."""
    answers = herd(person, PEERS, "work").ask().answers()
    assert list(answers.values()) == [PEERS], answers
    return next(iter(answers))


def wait_for_the_end_of(token: Answer) -> None:
    """Until it has expired by the machine's wall clock."""
    end = token.document["expires_at"]
    assert isinstance(end, float)
    wait_until(lambda: time.time() > end, "the token expires")


def test_a_wall_clock_thrown_ahead_makes_a_token_old(
    person: Person, issuer: FaultyIssuer
) -> None:
    wall = wall_clock(person)
    with daemon(wall.person):
        sign_in(person, issuer)
        before = ask_token(person, "work")
        wall.throw(2 * HOUR)
        after = all_ask(person)
        assert after != digest(before.token)
        assert issuer.refreshes() == 1
        # The daemon does see that clock, and goes by it.
        late = ask_token(person, "work").document["expires_at"]
        assert isinstance(late, float)
        assert late > time.time() + 2 * HOUR
        # And back again: what was fresh stays so, and nobody asks the issuer twice.
        wall.throw(0)
        assert all_ask(person) == after
        assert issuer.refreshes() == 1


def test_a_wall_clock_thrown_back_makes_no_token_young(
    person: Person, issuer: FaultyIssuer
) -> None:
    wall = wall_clock(person)
    issuer.set(life=SHORT)
    with daemon(wall.person):
        sign_in(person, issuer)
        before = ask_token(person, "work")
        issuer.set(life=HOUR)
        so_far = issuer.refreshes()
        wall.throw(-DAY)
        wait_for_the_end_of(before)
        after = all_ask(person)
        assert after != digest(before.token)
        assert all_ask(person) == after
    assert issuer.refreshes() == so_far + 1


def test_a_suspend_past_the_end_of_a_token_makes_it_old(
    person: Person, issuer: FaultyIssuer
) -> None:
    boot = boot_clock(person)
    with daemon(boot.person):
        sign_in(person, issuer)
        before = ask_token(person, "work")
        assert all_ask(person) == digest(before.token)
        boot.throw(2 * HOUR)
        after = all_ask(person)
        assert after != digest(before.token)
        assert all_ask(person) == after
    assert issuer.refreshes() == 1


def test_a_suspend_in_the_middle_of_a_refresh_hands_out_no_token_that_it_made_old(
    person: Person, issuer: FaultyIssuer
) -> None:
    boot = boot_clock(person)
    issuer.set(life=0)
    with daemon(boot.person):
        sign_in(person, issuer)
        issuer.set(life=HOUR, fault="hold")
        asked = herd(person, PEERS, "work").ask()
        wait_until(issuer.is_met, "the refresh is under way")
        boot.throw(2 * HOUR)
        issuer.release()
        after = digest(ask_token(person, "work").token)
        assert asked.answers() == {after: PEERS}
    assert issuer.refreshes() == 2


def test_a_daemon_that_was_stopped_past_the_end_of_a_token_does_not_serve_it(
    person: Person, issuer: FaultyIssuer
) -> None:
    issuer.set(life=SHORT)
    with daemon(person) as running:
        sign_in(person, issuer)
        before = ask_token(person, "work")
        issuer.set(life=HOUR)
        so_far = issuer.refreshes()
        running.send_signal(signal.SIGSTOP)
        asked = herd(person, PEERS, "work").ask()
        wait_for_the_end_of(before)
        running.send_signal(signal.SIGCONT)
        answers = asked.answers()
        after = digest(ask_token(person, "work").token)
        assert answers == {after: PEERS}
        assert after != digest(before.token)
    assert issuer.refreshes() == so_far + 1


@pytest.mark.parametrize(("first", "second"), [(0, 10**6), (10**6, 0)])
def test_a_token_that_was_kept_over_a_reboot_has_the_age_that_it_has(
    first: int, second: int, person: Person, issuer: FaultyIssuer
) -> None:
    # Without refresh tokens the access token itself is what is sealed.
    issuer.set(refreshable=False, life=HOUR)
    wall = wall_clock(person)
    with daemon(on_another_boot(wall.person, first)):
        sign_in(person, issuer)
        before = ask_token(person, "work")
    wall.throw(HOUR // 2)
    with daemon(on_another_boot(wall.person, second)):
        assert ask_token(person, "work").token == before.token
        wall.throw(HOUR)
        assert ask_token(person, "work").code == "login_required"
    assert issuer.refreshes() == 0


@pytest.mark.parametrize(("first", "second"), [(0, 10**6), (10**6, 0)])
def test_after_a_reboot_a_fresh_token_comes_from_one_refresh(
    first: int, second: int, person: Person, issuer: FaultyIssuer
) -> None:
    with daemon(on_another_boot(person, first)):
        sign_in(person, issuer)
        before = ask_token(person, "work").token
    with daemon(on_another_boot(person, second)):
        after = all_ask(person)
        assert after != digest(before)
        assert all_ask(person) == after
    assert issuer.refreshes() == 1
