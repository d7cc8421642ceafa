"""`brokerd-token` where its output has nowhere to go."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.broker import FakeBroker, in_turn, token_reply


@pytest.fixture
def path(runtime: Path) -> Path:
    return runtime / "broker.sock"


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["--json"], ["work"]])
def test_a_full_disk_is_one_line_and_no_traceback(path: Path, argv: list[str]) -> None:
    # Linux has a device that is full for everyone.
    with FakeBroker(path, lambda _: token_reply()), Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "brokerd_client.commands.token", *argv],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == (
        "brokerd-token: error: cannot write: no space left on device\n"
    )


def test_a_closed_stdout_is_one_line_and_no_traceback(path: Path) -> None:
    with FakeBroker(path, lambda _: token_reply()):
        done = run_closed(">&-")

    assert done.returncode == 1
    assert done.stderr == "brokerd-token: error: cannot write: stdout is closed\n"


def test_with_stderr_closed_an_error_does_not_turn_to_stdout(runtime: Path) -> None:
    assert not runtime.exists()
    done = run_closed("2>&-")

    assert done.returncode == 3
    assert done.stdout == ""


def run_closed(redirection: str) -> "subprocess.CompletedProcess[str]":
    """`brokerd-token` with one of its streams closed, as a shell does it."""
    command = f'exec "$0" -m brokerd_client.commands.token {redirection}'
    return subprocess.run(  # noqa: S603 - our own module
        ["/bin/sh", "-c", command, sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_reader_that_has_gone_is_no_traceback(path: Path) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with FakeBroker(path, in_turn(token_reply())), ours:
        done = subprocess.run(
            [sys.executable, "-m", "brokerd_client.commands.token"],
            stdout=ours.fileno(),
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == b""
