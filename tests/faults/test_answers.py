"""The daemon dies, or is told to end, while the issuer answers a refresh."""

import signal
from functools import partial

import pytest

from tests.faults.issuing import ScriptedIssuer
from tests.faults.signing_in import ask_and_hold, sign_in
from tests.system.hunt import hunt
from tests.system.person import Person, Said, daemon
from tests.system.waiting import wait_until

LOGIN_REQUIRED = 5
STOP_SECONDS = 40
"""A service manager that kills after that must never have to."""


def two_accounts(person: Person, issuer: ScriptedIssuer) -> None:
    """Both signed in; their access tokens have gone with the daemon."""
    with daemon(person):
        sign_in(person, "work", issuer)
        sign_in(person, "home", issuer)


def killed_between_answer_and_save(person: Person, issuer: ScriptedIssuer) -> Said:
    """What the one heard who had asked."""
    with daemon(person) as running:
        asking = ask_and_hold(person, "work", issuer)
        # It stands still from before the answer is written until it is dead.
        running.send_signal(signal.SIGSTOP)
        issuer.release()
        issuer.await_event("answered")
        running.kill()
        running.wait()
        return person.finish(asking)


def test_an_answer_lost_at_death_costs_nothing_where_the_issuer_has_grace(
    person: Person, issuer: ScriptedIssuer
) -> None:
    two_accounts(person, issuer)
    heard = killed_between_answer_and_save(person, issuer)
    assert heard.status != 0
    assert issuer.rotations("work") == 1
    issuer.manners(grace=True)
    with daemon(person):
        assert issuer.gave("work", person.token("work"))
        assert issuer.rotations("work") == 2, "one refresh, and one again after it"
        assert issuer.gave("home", person.token("home"))
    hunt(person, issuer.secrets())


def test_an_answer_lost_at_death_is_told_as_that_where_the_issuer_has_no_grace(
    person: Person, issuer: ScriptedIssuer
) -> None:
    two_accounts(person, issuer)
    killed_between_answer_and_save(person, issuer)
    with daemon(person):
        told = person.brokerctl("token", "work")
        assert told.status == LOGIN_REQUIRED, told
        assert "rotation lost" in told.complaint
        assert "brokerctl login work" in told.complaint
        assert issuer.gave("home", person.token("home")), "another account"
        accounts = person.json("accounts")["accounts"]
        assert isinstance(accounts, list)
        states = {account["account"]: account["state"] for account in accounts}
        assert states == {"work": "dead", "home": "live"}, "the record is kept"
    hunt(person, issuer.secrets())


def test_a_daemon_told_to_end_saves_and_answers_the_refresh_under_way(
    person: Person, issuer: ScriptedIssuer
) -> None:
    two_accounts(person, issuer)
    with daemon(person) as running:
        asking = ask_and_hold(person, "work", issuer)
        before = log_of(person)
        running.terminate()
        wait_until(partial(has_heard_more, person, before), "it heard")
        assert running.poll() is None, "the refresh is not saved yet"
        issuer.release()
        assert running.wait(STOP_SECONDS) == 0
        token, _ = asking.communicate()
        assert issuer.gave("work", token.strip())
    with daemon(person):
        assert issuer.gave("work", person.token("work"))
    assert issuer.rotations("work") == 2
    assert not issuer.is_revoked("work")
    hunt(person, issuer.secrets())


def test_an_issuer_that_never_answers_does_not_keep_a_daemon_from_ending(
    person: Person, issuer: ScriptedIssuer
) -> None:
    two_accounts(person, issuer)
    with daemon(person) as running:
        asking = ask_and_hold(person, "work", issuer)
        running.terminate()
        assert running.wait(STOP_SECONDS) == 0
        assert person.finish(asking).status != 0
        issuer.release()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_third_signal_ends_the_daemon_at_once(
    person: Person, issuer: ScriptedIssuer, number: signal.Signals
) -> None:
    two_accounts(person, issuer)
    with daemon(person) as running:
        asking = ask_and_hold(person, "work", issuer)
        for _ in range(2):
            before = log_of(person)
            running.send_signal(number)
            wait_until(partial(has_heard_more, person, before), "it heard")
        assert running.poll() is None
        running.send_signal(number)
        assert running.wait() == -number
        person.finish(asking)
        issuer.release()
    issuer.manners(grace=True)
    assert issuer.gave("work", person.token("work"))


def has_heard_more(person: Person, before: str) -> bool:
    """Whether a signal has come since the log was as it was before."""
    return "daemon.told" in log_of(person).removeprefix(before)


def log_of(person: Person) -> str:
    return (person.home.parent / "brokerd.log").read_text()
