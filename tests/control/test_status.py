"""`brokerctl status`: what is well, and loudly what is not."""

import json
from datetime import UTC, datetime

import pytest

from tests.control.conftest import Listen, Run
from tests.control.statuses import LOCKED, NO_STORE, STATUS, TWO_SLOTS
from tests.fakes.broker import http, in_turn


def test_status_names_store_key_source_and_counts(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, STATUS)))
    result = run("status")
    assert result.exit_code == 0
    assert "brokerd 1.2.3, pid 4711" in result.stdout
    assert "/run/user/1000/brokerd/broker.sock" in result.stdout
    assert "store: open\n" in result.stdout
    assert "key source: plain (a key file)\n" in result.stdout
    assert "generation: 7\n" in result.stdout
    assert "accounts: 2, logins under way: 0" in result.stdout
    assert "warning" not in result.output


def test_status_names_every_way_to_open_the_store(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, TWO_SLOTS)))
    assert "key slots: 1 plain (in use), 2 passphrase\n" in run("status").stdout


def test_status_of_a_locked_store_says_why(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, LOCKED)))
    said = run("status").stdout
    assert "store: locked (a passphrase is needed)" in said
    assert "key source: passphrase\n" in said
    assert "accounts: -" in said


def test_status_before_the_first_store(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, NO_STORE)))
    said = run("status").stdout
    assert "key source: none yet" in said
    assert "key slots: -\n" in said


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("old_copy", True, "warning: an older copy of the store"),
        ("altered", True, "warning: records of the store are missing"),
        ("damaged_records", 3, "warning: records of the store do not open"),
    ],
)
def test_what_is_wrong_with_the_store_is_told_with_what_to_do(
    run: Run, listen: Listen, member: str, value: object, says: str
) -> None:
    listen(in_turn(http(200, {**STATUS, member: value})))
    result = run("status")
    assert says in result.stdout
    assert "brokerctl doctor" in result.stderr


def test_sign_ins_that_are_in_memory_alone_are_told_before_anything_else(
    run: Run, listen: Listen
) -> None:
    degraded = {"unsaved": ["work", "home"], "since": 1_800_000_000, "what": "full"}
    listen(in_turn(http(200, {**STATUS, "degraded": degraded, "altered": True})))
    first, _ = [line for line in run("status").stdout.splitlines() if "warning" in line]
    assert "DEGRADED since 2027-01-15" in first
    assert "work, home" in first
    assert "(full)" in first


def down(since: datetime, until: datetime, **facts: str) -> dict[str, object]:
    """A status with an issuer that is down, or that these facts are to be told of."""
    issuer = {
        "issuer": "https://issuer.example",
        "state": "down",
        "since": since.timestamp(),
        "until": until.timestamp(),
        "reason": "no route",
        **facts,
    }
    return {**STATUS, "issuers": [issuer]}


def test_status_says_which_issuer_is_down_and_when_it_is_tried_again(
    run: Run, listen: Listen
) -> None:
    # Neither is today: the moments are then shown with their days.
    since, until = datetime(2026, 1, 2, 3, 4), datetime(2126, 1, 2, 3, 5)  # noqa: DTZ001 - local
    listen(in_turn(http(200, down(since, until))))
    assert (
        "issuer https://issuer.example: down since 2026-01-02 03:04, "
        "next try 2126-01-02 03:05 (no route)\n"
    ) in run("status").stdout


def test_status_says_which_client_an_issuer_does_not_accept(
    run: Run, listen: Listen
) -> None:
    now = datetime.now(UTC)
    facts = {"state": "client_rejected", "client_id": "desk-1"}
    listen(in_turn(http(200, down(now, now, **facts))))
    said = run("status").stdout
    assert "issuer https://issuer.example: it rejects the client desk-1 since" in said


def test_status_of_a_down_issuer_that_nobody_asks_says_when_somebody_will(
    run: Run, listen: Listen
) -> None:
    now = datetime.now(UTC)
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    listen(in_turn(http(200, down(midnight, now))))
    said = run("status").stdout
    assert "down since 00:00:00, next try with the next request (no route)\n" in said


@pytest.mark.parametrize(("ahead", "word"), [(3600.2, "behind"), (-3600.2, "ahead of")])
def test_status_says_that_this_machines_clock_is_wrong(
    ahead: float, word: str, run: Run, listen: Listen
) -> None:
    clock = [{"issuer": "https://issuer.example", "ahead": ahead}]
    listen(in_turn(http(200, {**STATUS, "clock": clock})))
    said = f"clock: this machine is 3600 s {word} https://issuer.example; "
    assert said in run("status").stdout


def test_status_starts_nothing(run: Run) -> None:
    result = run("status")
    assert result.exit_code == 0
    assert "no broker is listening at" in result.stdout
    assert json.loads(run("status", "--json").stdout)["running"] is False


def test_status_in_json_is_the_brokers_own_answer(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, STATUS)))
    assert json.loads(run("status", "--json").stdout) == {"running": True, **STATUS}


def test_what_answers_but_is_no_broker_is_not_called_not_running(
    run: Run, listen: Listen
) -> None:
    listen(lambda _: b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")
    result = run("status")
    assert result.exit_code != 0
    assert "not running" not in result.stdout + result.stderr
