"""`brokerctl status`, `stop`, `init` and `unlock`."""

import json
from datetime import UTC, datetime

import pytest

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply

STATUS: dict[str, object] = {
    "version": "1.2.3",
    "pid": 4711,
    "started_at": 1_800_000_000,
    "socket": "/run/user/1000/brokerd/broker.sock",
    "store": "open",
    "locked_because": None,
    "key_source": "plain",
    "accounts": 2,
    "logins": 0,
    "issuers": [],
    "clock": [],
    "memory": {"pss_kib": 41_234},
}
LOCKED = {
    **STATUS,
    "store": "locked",
    "locked_because": "a passphrase is needed",
    "key_source": "passphrase",
    "accounts": None,
}
NO_STORE = {**STATUS, "store": "none", "key_source": None, "accounts": None}


def test_status_names_store_key_source_and_counts(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, STATUS)))
    result = run("status")
    assert result.exit_code == 0
    assert "brokerd 1.2.3, pid 4711" in result.stdout
    assert "/run/user/1000/brokerd/broker.sock" in result.stdout
    assert "store: open\n" in result.stdout
    assert "key source: plain (a key file)\n" in result.stdout
    assert "accounts: 2, logins under way: 0" in result.stdout


def test_status_of_a_locked_store_says_why(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, LOCKED)))
    said = run("status").stdout
    assert "store: locked (a passphrase is needed)" in said
    assert "key source: passphrase\n" in said
    assert "accounts: -" in said


def test_status_before_the_first_store(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, NO_STORE)))
    assert "key source: none yet" in run("status").stdout


def down(since: datetime, until: datetime) -> dict[str, object]:
    """A status with an issuer that is down."""
    return {
        **STATUS,
        "issuers": [
            {
                "issuer": "https://issuer.example",
                "state": "down",
                "since": since.timestamp(),
                "until": until.timestamp(),
                "reason": "no route",
            }
        ],
    }


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


def test_stopping_what_does_not_run_is_no_error(run: Run) -> None:
    result = run("stop")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "was not running" in result.stderr
    assert json.loads(run("stop", "--json").stdout) == {"stopped": False}


def test_a_daemon_that_refuses_to_be_stopped_is_an_error(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, STATUS), problem_reply(403, "not_permitted")))
    assert run("stop").exit_code == 22


def test_a_key_file_is_asked_for_without_a_question(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, NO_STORE), http(201, STATUS)))
    result = run("init", "--key", "plain")
    assert result.exit_code == 0
    assert broker.requests[1].json == {"key": "plain"}
    assert "key source: plain" in result.stdout


@pytest.mark.parametrize("key", ["parchment", "", "PLAIN"])
def test_a_key_that_there_is_not_is_bad_usage(
    run: Run, listen: Listen, key: str
) -> None:
    broker = listen(in_turn())
    assert run("init", "--key", key).exit_code == 2
    assert broker.requests == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("open sesame\n", "open sesame"), ("a\nb\n", "a"), (" a \n", " a "), ("é", "é")],
)
def test_a_passphrase_is_one_line_of_the_pipe_as_it_is(
    run: Run, listen: Listen, typed: str, sent: str
) -> None:
    broker = listen(
        in_turn(
            *(http(200, NO_STORE), http(201, STATUS)),
            *(http(200, LOCKED), http(200, STATUS)),
        )
    )
    assert run("init", "--key", "passphrase", typed=typed).exit_code == 0
    assert run("unlock", typed=typed).exit_code == 0
    assert broker.requests[1].json == {"key": "passphrase", "passphrase": sent}
    assert broker.requests[3].json == {"passphrase": sent}


def test_a_second_store_is_refused_before_a_passphrase_is_asked_for(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, STATUS)))
    assert run("init", "--key", "passphrase", typed="").exit_code == 29


def test_a_store_under_a_key_file_is_unlocked_without_a_question(
    run: Run, listen: Listen
) -> None:
    broker = listen(
        in_turn(http(200, {**LOCKED, "key_source": "plain"}), http(200, STATUS))
    )
    assert run("unlock", typed="").exit_code == 0
    assert broker.requests[1].json == {}


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
