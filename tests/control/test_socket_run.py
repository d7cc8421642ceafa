"""`brokerctl socket run`: a program with a socket of its own."""

import sys
from pathlib import Path

from tests.control.conftest import Listen, Run
from tests.control.test_sockets import CI
from tests.fakes.broker import http, in_turn, problem_reply

MADE, REMOVED = http(201, CI), http(204)


def tells(path: Path, code: int = 0) -> list[str]:
    """A program that writes down which socket it was given."""
    text = (
        "import os, sys; open(sys.argv[1], 'w').write(os.environ['BROKERD_SOCKET']); "
        f"sys.exit({code})"
    )
    return [sys.executable, "-c", text, str(path)]


def asked(requests: object) -> list[tuple[str, str]]:
    assert isinstance(requests, list)
    return [(each.method, each.target) for each in requests]


def test_a_socket_is_made_for_it_and_removed_at_its_end(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn(MADE, REMOVED))
    words = tells(tmp_path / "told", 7)
    result = run("socket", "run", "ci", "--account", "work", "--", *words)
    assert result.exit_code == 7
    assert (tmp_path / "told").read_text() == CI["path"]
    assert asked(broker.requests) == [
        ("POST", "/v1/sockets"),
        ("DELETE", "/v1/sockets/ci"),
    ]
    # And a kill -9 of us leaves none behind.
    assert broker.requests[0].json["with_me"] is True


def test_one_that_is_there_is_taken_and_stays(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    broker = listen(in_turn(http(200, {"sockets": [CI], "damaged": False})))
    result = run("socket", "run", "ci", "--", *tells(tmp_path / "told"))
    assert result.exit_code == 0
    assert (tmp_path / "told").read_text() == CI["path"]
    assert asked(broker.requests) == [("GET", "/v1/sockets")]


def test_without_options_it_must_be_there(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(http(200, {"sockets": [], "damaged": False})))
    result = run("socket", "run", "ci", "--", *tells(tmp_path / "told"))
    assert result.exit_code == 52
    assert not (tmp_path / "told").exists()


def test_with_options_it_must_not_be_there(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(problem_reply(409, "socket_exists")))
    words = tells(tmp_path / "told")
    result = run("socket", "run", "ci", "--account", "work", "--", *words)
    assert result.exit_code == 53
    assert not (tmp_path / "told").exists()


def test_one_that_is_not_open_is_told(run: Run, listen: Listen, tmp_path: Path) -> None:
    broken = {**CI, "fault": "/srv/b is not a folder"}
    listen(in_turn(http(200, {"sockets": [broken], "damaged": False})))
    result = run("socket", "run", "ci", "--", *tells(tmp_path / "told"))
    assert result.exit_code == 2
    assert "/srv/b is not a folder" in result.stderr


def test_a_program_that_cannot_be_run_leaves_no_socket(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(MADE, REMOVED))
    result = run("socket", "run", "ci", "--account", "work", "--", "/no/such")
    assert result.exit_code == 2
    assert "/no/such cannot be run" in result.stderr
    assert asked(broker.requests)[1] == ("DELETE", "/v1/sockets/ci")


def test_a_socket_that_could_not_be_removed_is_told_and_the_exit_code_stays(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    listen(in_turn(MADE, problem_reply(423, "locked")))
    words = tells(tmp_path / "told", 3)
    result = run("socket", "run", "ci", "--account", "work", "--", *words)
    assert result.exit_code == 3
    assert "is still there" in result.stderr


def test_a_program_is_needed(run: Run, listen: Listen) -> None:
    listen(in_turn())
    assert run("socket", "run", "ci", "--account", "work").exit_code == 2
