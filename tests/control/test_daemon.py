"""`brokerctl stop`."""

import json

from tests.control.conftest import Listen, Run
from tests.control.statuses import STATUS
from tests.fakes.broker import http, in_turn, problem_reply


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
