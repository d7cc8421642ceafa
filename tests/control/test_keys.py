"""`brokerctl key`: list, add, remove, rotate."""

import json

import pytest

from tests.control.conftest import Listen, Run
from tests.control.statuses import (
    LOCKED,
    NO_STORE,
    PASSPHRASE_SLOT,
    PLAIN_SLOT,
    STATUS,
    TWO_SLOTS,
)
from tests.fakes.broker import http, in_turn, problem_reply

SECOND_PASSPHRASE = {**PASSPHRASE_SLOT, "slot": 5}
THREE_SLOTS = {**STATUS, "slots": [PLAIN_SLOT, PASSPHRASE_SLOT, SECOND_PASSPHRASE]}


def test_the_slots_are_listed_with_the_one_in_use(run: Run, listen: Listen) -> None:
    listen(in_turn(*[http(200, TWO_SLOTS)] * 2))
    first, second = run("key", "list").stdout.splitlines()
    assert first.split("\t")[:3] == ["1", "plain", "*"]
    assert second.split("\t")[:3] == ["2", "passphrase", "-"]
    listed = json.loads(run("key", "list", "--json").stdout)
    assert listed == {"slots": [PLAIN_SLOT, PASSPHRASE_SLOT]}


def test_before_the_first_store_there_are_no_slots(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, NO_STORE)))
    result = run("key", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no store" in result.stderr


def test_a_recovery_passphrase_is_added(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, STATUS), http(201, PASSPHRASE_SLOT)))
    result = run("key", "add", "passphrase", typed="open sesame\n")
    assert result.stdout == "added key slot 2: passphrase\n"
    assert broker.requests[1].target == "/v1/slots"
    assert broker.requests[1].json == {"key": "passphrase", "passphrase": "open sesame"}


def test_a_source_that_needs_no_passphrase_is_added_without_a_question(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, STATUS), http(201, {**PLAIN_SLOT, "slot": 2})))
    assert run("key", "add", "plain", "--json", typed="").exit_code == 0
    assert broker.requests[1].json == {"key": "plain"}


@pytest.mark.parametrize(
    "words",
    [
        ["add", "passphrase"],
        ["remove", "1", "--yes"],
        ["rotate"],
        ["rotate", "--data"],
    ],
)
@pytest.mark.parametrize(("status", "code"), [(LOCKED, 16), (NO_STORE, 4)])
def test_nothing_is_asked_for_where_the_store_is_not_open(
    run: Run, listen: Listen, words: list[str], status: dict[str, object], code: int
) -> None:
    broker = listen(in_turn(http(200, status)))
    assert run("key", *words, typed="").exit_code == code
    assert len(broker.requests) == 1


# --- remove ------------------------------------------------------------------------


def test_a_slot_is_removed_and_what_that_does_not_do_is_said(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, TWO_SLOTS), http(200, STATUS)))
    result = run("key", "remove", "2", "--yes")
    assert result.stdout == "removed key slot 2\n"
    assert "rotate --data" in result.stderr
    asked = broker.requests[1]
    assert (asked.method, asked.target) == ("DELETE", "/v1/slots/2")


LEFT = "the key is still kept by secret-service: the keyring is locked"


@pytest.mark.parametrize(
    ("words", "answer"),
    [(["remove", "2", "--yes"], STATUS), (["rotate", "1"], PLAIN_SLOT)],
)
def test_a_key_that_could_not_be_taken_away_is_told(
    run: Run, listen: Listen, words: list[str], answer: dict[str, object]
) -> None:
    listen(in_turn(http(200, TWO_SLOTS), http(200, {**answer, "left": [LEFT]})))
    assert f"note: {LEFT}\n" in run("key", *words).stderr


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize(("typed", "asked"), [("n\n", 1), ("\n", 1), ("y\n", 2)])
def test_a_removal_is_asked_about_at_a_terminal(
    run: Run, listen: Listen, typed: str, asked: int
) -> None:
    broker = listen(in_turn(http(200, TWO_SLOTS), http(200, STATUS)))
    said = run("key", "remove", "2", typed=typed).stderr
    assert "Remove key slot 2 of: 1 (plain), 2 (passphrase)?" in said
    assert len(broker.requests) == asked


def test_a_removal_in_a_pipe_needs_a_yes(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, TWO_SLOTS)))
    assert run("key", "remove", "2", typed="y\n").exit_code == 2
    assert len(broker.requests) == 1


def test_the_only_way_in_stays(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, STATUS), problem_reply(409, "key_slot_refused")))
    result = run("key", "remove", "1", "--yes", "--json")
    assert result.exit_code == 34
    assert json.loads(result.stdout)["code"] == "key_slot_refused"


# --- rotate ------------------------------------------------------------------------


def test_the_only_slot_is_meant_where_none_is_named(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, STATUS), http(200, PLAIN_SLOT)))
    assert run("key", "rotate").stdout == "key slot 1 has a new key\n"
    assert broker.requests[1].target == "/v1/slots/1/rotate"
    assert broker.requests[1].json == {}


def test_one_of_several_slots_must_be_named(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, TWO_SLOTS)))
    result = run("key", "rotate")
    assert result.exit_code == 2
    assert "1 (plain), 2 (passphrase)" in result.stderr
    assert len(broker.requests) == 1


def test_a_passphrase_slot_gets_a_new_passphrase(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, TWO_SLOTS), http(200, PASSPHRASE_SLOT)))
    assert run("key", "rotate", "2", typed="open barley\n").exit_code == 0
    assert broker.requests[1].target == "/v1/slots/2/rotate"
    assert broker.requests[1].json == {"passphrase": "open barley"}


def test_a_slot_that_is_not_there_is_told_by_the_daemon(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, STATUS), problem_reply(409, "key_slot_refused")))
    assert run("key", "rotate", "7", typed="").exit_code == 34


def test_every_passphrase_is_needed_for_a_new_data_key_in_the_order_of_the_slots(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, THREE_SLOTS), http(200, THREE_SLOTS)))
    result = run("key", "rotate", "--data", typed="second\nfifth\n")
    assert result.stdout == "every record is sealed under a new data key\n"
    assert broker.requests[1].target == "/v1/data-key/rotate"
    assert broker.requests[1].json == {"passphrases": ["second", "fifth"]}
    assert "--remember` kept is forgotten" in result.stderr


def test_a_passphrase_that_is_missing_is_named_by_its_slot(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, THREE_SLOTS)))
    result = run("key", "rotate", "--data", typed="second\n")
    assert result.exit_code == 2
    assert "key slot 5" in result.stderr


def test_a_slot_and_the_data_key_are_not_rotated_at_once(run: Run) -> None:
    assert run("key", "rotate", "1", "--data").exit_code == 2
