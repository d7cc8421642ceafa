"""Questions to the person: at a terminal, or lines of a pipe."""

import pytest

from tests.control.conftest import Listen, Run
from tests.control.statuses import LOCKED, NO_STORE, STATUS
from tests.fakes.broker import http, in_turn


@pytest.mark.usefixtures("at_terminal")
def test_a_new_passphrase_is_typed_twice_and_shown_nowhere(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, NO_STORE), http(201, STATUS)))
    result = run("init", "--key", "passphrase", typed="one\ntwo\nc4n4ry\nc4n4ry\n")
    assert result.exit_code == 0
    assert broker.requests[1].json["passphrase"] == "c4n4ry"
    assert "c4n4ry" not in result.output


@pytest.mark.usefixtures("at_terminal")
def test_a_passphrase_that_is_known_is_typed_once(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(http(200, LOCKED), http(200, STATUS)))
    assert run("unlock", typed="once\n").exit_code == 0
    assert broker.requests[1].json == {"passphrase": "once"}


@pytest.mark.usefixtures("at_terminal")
def test_questions_stay_out_of_the_output(run: Run, listen: Listen) -> None:
    listen(in_turn(http(200, LOCKED), http(200, STATUS)))
    assert run("unlock", typed="once\n").stdout == "the store is open\n"


@pytest.mark.usefixtures("at_terminal")
def test_a_question_that_is_not_answered_ends_as_ctrl_c_does(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(http(200, LOCKED)))
    assert run("unlock", typed="").exit_code == 130
    assert len(broker.requests) == 1
