"""Where the key of a new store is to be."""

import pytest

from tests.control.conftest import Listen, Run
from tests.control.statuses import NO_STORE, STATUS
from tests.fakes.broker import http, in_turn

SOURCES = {
    "sources": [
        {"source": "secret-service", "works": False, "reason": "there is no D-Bus"},
        {"source": "plain", "works": True, "reason": None},
        {"source": "passphrase", "works": True, "reason": None},
    ]
}

pytestmark = pytest.mark.usefixtures("at_terminal")


def test_a_terminal_is_shown_what_there_is_and_what_works(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(http(200, NO_STORE), http(200, SOURCES), http(201, STATUS)))
    said = run("init", typed="\n").stderr
    assert "1  secret-service: the desktop's keyring" in said
    assert "(not now: there is no D-Bus)" in said
    assert "2  plain: a key file" in said


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("\n", {"key": "plain"}),
        ("1\n", {"key": "secret-service"}),
        ("7\n2\n", {"key": "plain"}),
        ("3\nsesame\nsesame\n", {"key": "passphrase", "passphrase": "sesame"}),
    ],
)
def test_the_best_that_works_is_taken_unless_another_is_chosen(
    run: Run, listen: Listen, typed: str, sent: dict[str, object]
) -> None:
    answers = [http(200, NO_STORE), http(200, SOURCES), http(201, STATUS)]
    broker = listen(in_turn(*answers))
    assert run("init", typed=typed).exit_code == 0
    assert broker.requests[2].json == sent


def test_a_key_that_was_named_is_not_asked_about(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, NO_STORE), http(201, STATUS)))
    assert run("init", "--key", "plain", typed="").exit_code == 0
    assert len(broker.requests) == 2
