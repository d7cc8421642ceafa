"""`brokerctl init`, `lock` and `unlock`."""

import json

import pytest

from tests.control.conftest import Listen, Run
from tests.control.statuses import (
    CORRUPT,
    LOCKED,
    LOCKED_TWO_SLOTS,
    NO_STORE,
    STATUS,
)
from tests.fakes.broker import http, in_turn, problem_reply

MADE = {**STATUS, "set_aside": None}
SET_ASIDE = {**STATUS, "set_aside": "store.db.aside-0badcafe"}


# --- init --------------------------------------------------------------------------


def test_a_key_file_is_asked_for_without_a_question(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, NO_STORE), http(201, MADE)))
    result = run("init", "--key", "plain")
    assert result.exit_code == 0
    assert broker.requests[1].json == {"key": "plain"}
    assert "key source: plain" in result.stdout
    assert result.stderr == ""


def test_in_a_pipe_the_daemon_takes_the_best_and_it_is_named(
    run: Run, listen: Listen
) -> None:
    best = {**MADE, "key_source": "secret-service"}
    broker = listen(in_turn(http(200, NO_STORE), http(201, best)))
    result = run("init", typed="")
    assert result.exit_code == 0
    assert broker.requests[1].json == {}
    assert result.stdout == "made a store (key source: secret-service)\n"


@pytest.mark.parametrize("key", ["parchment", "", "PLAIN"])
def test_a_key_that_there_is_not_is_bad_usage(
    run: Run, listen: Listen, key: str
) -> None:
    broker = listen(in_turn())
    assert run("init", "--key", key).exit_code == 2
    assert broker.requests == []


@pytest.mark.parametrize("words", [[], ["--set-aside", "--yes"]])
def test_a_store_that_is_open_is_refused_before_a_passphrase_is_asked_for(
    run: Run, listen: Listen, words: list[str]
) -> None:
    listen(in_turn(http(200, STATUS)))
    result = run("init", "--key", "passphrase", *words, typed="")
    assert result.exit_code == 29
    assert "`brokerctl lock`" in result.stderr


def test_a_store_that_is_locked_is_not_replaced_unasked(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, LOCKED)))
    result = run("init", "--key", "plain")
    assert result.exit_code == 29
    assert "--set-aside" in result.stderr
    assert len(broker.requests) == 1


def test_a_store_that_cannot_be_read_is_set_aside_where_that_is_meant(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, CORRUPT), http(201, SET_ASIDE)))
    result = run("init", "--key", "plain", "--set-aside", "--yes")
    assert result.exit_code == 0
    assert broker.requests[1].json == {"key": "plain", "set_aside": True}
    assert "called store.db.aside-0badcafe now" in result.stderr


def test_without_a_terminal_setting_aside_needs_a_yes(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, LOCKED)))
    result = run("init", "--key", "plain", "--set-aside", typed="y\n")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert len(broker.requests) == 1


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_setting_aside_is_asked_about(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, LOCKED)))
    result = run("init", "--key", "plain", "--set-aside", typed="n\n")
    assert result.exit_code == 130
    assert "you sign in again everywhere" in result.stderr
    assert len(broker.requests) == 1


# --- unlock ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("open sesame\n", "open sesame"), ("a\nb\n", "a"), (" a \n", " a "), ("é", "é")],
)
def test_a_passphrase_is_one_line_of_the_pipe_as_it_is(
    run: Run, listen: Listen, typed: str, sent: str
) -> None:
    broker = listen(
        in_turn(
            *(http(200, NO_STORE), http(201, MADE)),
            *(http(200, LOCKED), http(200, STATUS)),
        )
    )
    assert run("init", "--key", "passphrase", typed=typed).exit_code == 0
    assert run("unlock", typed=typed).exit_code == 0
    assert broker.requests[1].json == {"key": "passphrase", "passphrase": sent}
    assert broker.requests[3].json == {"passphrase": sent}


def test_a_store_under_a_key_file_is_unlocked_without_a_question(
    run: Run, listen: Listen
) -> None:
    locked = {**LOCKED, "slots": STATUS["slots"]}
    broker = listen(in_turn(http(200, locked), http(200, STATUS)))
    assert run("unlock", typed="").exit_code == 0
    assert broker.requests[1].json == {}


def test_a_keyring_that_opens_saves_the_question(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, LOCKED_TWO_SLOTS), http(200, STATUS)))
    assert run("unlock", typed="never read\n").exit_code == 0
    assert broker.requests[1].json == {}


def test_a_passphrase_is_asked_for_where_the_keyring_does_not_open(
    run: Run, listen: Listen
) -> None:
    answers = [http(200, LOCKED_TWO_SLOTS), problem_reply(423, "locked")]
    broker = listen(in_turn(*answers, http(200, STATUS)))
    result = run("unlock", "--remember", "8h", typed="open sesame\n")
    assert result.exit_code == 0
    assert broker.requests[1].json == {"remember": 28800}
    assert broker.requests[2].json == {"remember": 28800, "passphrase": "open sesame"}
    assert "note: the sentence of locked" in result.stderr


@pytest.mark.parametrize("span", ["8", "0h", "-1h", "8 h", "a while", ""])
def test_a_time_to_remember_that_is_none_is_bad_usage(
    run: Run, listen: Listen, span: str
) -> None:
    broker = listen(in_turn())
    assert run("unlock", "--remember", span).exit_code == 2
    assert broker.requests == []


def test_a_store_that_is_open_but_not_remembered_is_told_as_that(
    run: Run, listen: Listen
) -> None:
    refused = problem_reply(409, "key_source_unavailable", reason="no keyring here")
    listen(in_turn(http(200, LOCKED), refused))
    result = run("unlock", "--remember", "8h", typed="open sesame\n")
    assert result.exit_code == 33
    assert "the store is open, but not remembered: no keyring here" in result.stderr


def test_a_passphrase_is_shown_nowhere(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, LOCKED), problem_reply(403, "wrong_passphrase")))
    result = run("unlock", typed="c4n4ry\n")
    assert result.exit_code == 16
    assert "c4n4ry" not in result.output


@pytest.mark.parametrize("typed", ["", "\n"])
def test_no_passphrase_is_bad_usage_and_nothing_is_sent(
    run: Run, listen: Listen, typed: str
) -> None:
    broker = listen(in_turn(http(200, LOCKED)))
    result = run("unlock", typed=typed)
    assert result.exit_code == 2
    assert "no passphrase was given" in result.stderr
    assert [received.method for received in broker.requests] == ["GET"]


def test_a_passphrase_cannot_be_given_on_the_command_line(run: Run) -> None:
    assert run("unlock", "c4n4ry").exit_code == 2
    assert run("unlock", "--passphrase", "c4n4ry").exit_code == 2


def test_there_is_nothing_to_unlock_before_the_first_store(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, NO_STORE)))
    assert run("unlock").exit_code == 4


# --- lock --------------------------------------------------------------------------


def test_a_lock_says_that_a_passphrase_is_needed_from_now_on(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, LOCKED)))
    result = run("lock")
    assert (result.exit_code, result.stdout) == (0, "the store is locked\n")
    assert result.stderr == ""
    assert (broker.requests[0].method, broker.requests[0].target) == (
        "POST",
        "/v1/lock",
    )


def test_a_lock_of_a_store_that_opens_by_itself_says_so(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, LOCKED_TWO_SLOTS)))
    assert "opens it by itself" in run("lock").stderr


def test_a_lock_in_json_is_the_brokers_answer(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, LOCKED)))
    assert json.loads(run("lock", "--json").stdout)["store"] == "locked"
