"""`brokerctl socket forward`: the ssh line, printed or run."""

import json
from pathlib import Path

import pytest

from broker.control.socket_forward import ssh_line
from tests.control.conftest import Listen, Run
from tests.control.test_sockets import CI
from tests.fakes.broker import Received, http

THERE = "/run/user/7/brokerd/broker.sock"
LINE = (
    "ssh -N -o StreamLocalBindUnlink=yes -o ExitOnForwardFailure=yes -p 22 "
    f"-R {THERE}:{CI['path']} host"
)
PRINT = ("--print", "--remote-path", THERE)
PORT = ("--", "-p", "22")


def broker(received: Received) -> bytes | None:
    """Has the socket `ci`, and makes and removes what it is asked to."""
    if received.target == "/v1/events":
        return None
    if received.method == "GET":
        return http(200, {"sockets": [CI], "damaged": False})
    return http(201, CI) if received.method == "POST" else http(204)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` that says where the socket is to be, and writes down what it is told."""
    folder, told = tmp_path / "bin", tmp_path / "told"
    folder.mkdir()
    (folder / "ssh").write_text(
        f'#!/bin/sh\necho "ssh $*" >>{told}\n'
        f'case "$1" in -N) exit 255;; *) echo {THERE};; esac\n'
    )
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return told


def test_with_print_the_line_is_printed_and_nothing_is_run(
    run: Run, listen: Listen, ssh: Path
) -> None:
    listen(broker)
    result = run("socket", "forward", "ci", "host", *PRINT, *PORT)
    assert (result.exit_code, result.stdout) == (0, f"{LINE}\n")
    assert not ssh.exists()


def test_in_json_it_is_a_list_of_words(run: Run, listen: Listen) -> None:
    listen(broker)
    result = run("socket", "forward", "ci", "host", *PRINT, "--json", *PORT)
    assert json.loads(result.stdout) == {
        "socket": "ci",
        "path": CI["path"],
        "remote": THERE,
        "ssh": LINE.split(" "),
    }


def test_the_host_is_asked_where_then_ssh_runs_and_its_exit_code_is_ours(
    run: Run, listen: Listen, ssh: Path
) -> None:
    listen(broker)
    result = run("socket", "forward", "ci", "host", *PORT)
    assert result.exit_code == 255
    asked, ran = ssh.read_text().splitlines()
    assert asked == "ssh -p 22 host sh -s --"
    assert ran == LINE
    assert "ServerAliveInterval" in result.stderr


def test_a_socket_that_is_described_is_made_for_the_host_and_removed(
    run: Run, listen: Listen, ssh: Path
) -> None:
    fake = listen(broker)
    run("socket", "forward", "ci", "host", "--account", "work", *PORT)
    assert ssh.exists()
    methods = [one.method for one in fake.requests if "sockets" in one.target]
    assert methods == ["POST", "DELETE"]


@pytest.mark.parametrize(
    "words",
    [("ci", "-oProxyCommand=x"), ("ci", "host", "--print", "--account", "work")],
)
def test_what_makes_no_sense_is_refused(
    run: Run, listen: Listen, ssh: Path, words: tuple[str, ...]
) -> None:
    fake = listen(broker)
    assert run("socket", "forward", *words).exit_code == 2
    assert fake.requests == []
    assert not ssh.exists()


def test_the_options_of_the_person_stand_before_the_host() -> None:
    line = ssh_line("host", ["-p", "22"], THERE, str(CI["path"]))
    assert line == LINE.split(" ")
