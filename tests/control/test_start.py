"""Starting the daemon when none runs, with a program in its place."""

import os
import stat
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from broker.control.broker import Broker
from broker.control.start import FOLDERS, LARGEST_LOG, start_broker
from brokerd_client import BrokerError
from tests.control.conftest import Listen
from tests.fakes.broker import http, in_turn

# The daemon is to outlive who started it: nobody waits for this child.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning")

READY = """echo '{"ready": true}' > "/dev/fd/$5" """


@pytest.fixture
def state(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder, and a PATH on which no service manager answers."""
    del runtime
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "state"


def a_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """What runs in place of `python -P -m broker --ready-fd N`."""
    program = tmp_path / "python"
    head = f'#!/bin/sh\necho "$@" > "{tmp_path}/words"\n'
    program.write_text(head + dedent(script))
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


def a_service_manager(tmp_path: Path, status: int) -> None:
    """An installed unit, and a systemctl that ends with `status`."""
    unit = tmp_path / ".config" / "systemd" / "user" / "brokerd.socket"
    unit.parent.mkdir(parents=True)
    unit.touch()
    program = tmp_path / "bin" / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\nexit {status}\n')
    program.chmod(0o700)


@pytest.mark.usefixtures("state")
def test_it_returns_when_the_daemon_says_that_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_daemon(tmp_path, monkeypatch, READY)
    start_broker()
    words = (tmp_path / "words").read_text().split()
    assert words[:4] == ["-P", "-m", "broker", "--ready-fd"]


def test_what_the_daemon_says_goes_to_a_log_of_the_persons_own(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_daemon(tmp_path, monkeypatch, f"echo out; echo err >&2; {READY}")
    start_broker()
    start_broker()
    log = state / "brokerd.log"
    assert log.read_text() == "out\nerr\nout\nerr\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_log_that_has_grown_too_large_is_begun_anew(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.mkdir(mode=0o700)
    log = state / "brokerd.log"
    log.write_bytes(b"x" * (LARGEST_LOG + 1))
    a_daemon(tmp_path, monkeypatch, f"echo new; {READY}")
    start_broker()
    assert log.read_text() == "new\n"


@pytest.mark.usefixtures("state")
def test_the_daemon_does_not_keep_the_terminal_or_the_persons_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f'pwd > "{tmp_path}/cwd"; readlink /proc/self/fd/0 >> "{tmp_path}/cwd"\n'
    a_daemon(tmp_path, monkeypatch, script + READY)
    start_broker()
    assert (tmp_path / "cwd").read_text().split() == ["/", "/dev/null"]


@pytest.mark.usefixtures("state")
def test_the_daemons_own_error_is_the_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = '{"code": "directory_unsafe", "detail": "the sentence", "hint": "h"}'
    a_daemon(tmp_path, monkeypatch, f"echo '{document}' > \"/dev/fd/$5\"; exit 26")
    with pytest.raises(BrokerError) as caught:
        start_broker()
    error = caught.value
    assert (error.code, error.detail, error.hint) == (
        "directory_unsafe",
        "the sentence",
        "h",
    )


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$", "echo why >&2"])
def test_a_daemon_that_dies_at_once_is_told_with_the_place_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    a_daemon(tmp_path, monkeypatch, script)
    with pytest.raises(BrokerError) as caught:
        start_broker()
    assert caught.value.code == "internal_error"
    assert "brokerd.log" in caught.value.hint


@pytest.mark.usefixtures("state")
def test_a_daemon_that_is_killed_in_mid_sentence_is_told_like_any_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_daemon(tmp_path, monkeypatch, 'printf \'{"rea\' > "/dev/fd/$5"')
    with pytest.raises(BrokerError, match=r"brokerd\.log"):
        start_broker()


@pytest.mark.usefixtures("state")
def test_where_another_was_faster_that_one_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listen: Listen
) -> None:
    document = '{"code": "already_running", "detail": "d", "hint": "h"}'
    a_daemon(tmp_path, monkeypatch, f"echo '{document}' > \"/dev/fd/$5\"")
    broker = listen(in_turn(http(200, {})))
    start_broker()
    assert broker.requests[0].target == "/v1/status"


@pytest.mark.usefixtures("state")
def test_no_descriptor_is_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_daemon(tmp_path, monkeypatch, READY)
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208 - of this process
    start_broker()
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208 - as above


@pytest.mark.usefixtures("state")
def test_an_installed_service_is_started_by_its_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_service_manager(tmp_path, 0)
    a_daemon(tmp_path, monkeypatch, "exit 1")
    for name in FOLDERS:
        monkeypatch.delenv(name)
    start_broker()
    assert (tmp_path / "asked").read_text() == "--user start brokerd.socket\n"
    assert not (tmp_path / "words").exists()


@pytest.mark.usefixtures("state")
def test_folders_of_ones_own_mean_another_daemon_than_the_managers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_service_manager(tmp_path, 0)
    a_daemon(tmp_path, monkeypatch, READY)
    start_broker()
    assert not (tmp_path / "asked").exists()
    assert (tmp_path / "words").exists()


@pytest.mark.usefixtures("state")
def test_without_a_manager_an_installed_service_is_started_by_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_service_manager(tmp_path, 1)
    a_daemon(tmp_path, monkeypatch, READY)
    for name in FOLDERS:
        monkeypatch.delenv(name)
    start_broker()
    assert (tmp_path / "asked").exists()
    assert (tmp_path / "words").exists()


@pytest.mark.usefixtures("state")
def test_a_call_starts_the_daemon_only_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_daemon(tmp_path, monkeypatch, READY)
    with pytest.raises(BrokerError):
        Broker().call("GET", "/v1/status", start=False)
    assert not (tmp_path / "words").exists()
    with pytest.raises(BrokerError):
        Broker().call("GET", "/v1/status")  # it said that it serves, and does not
    assert (tmp_path / "words").exists()


@pytest.mark.usefixtures("state")
def test_the_daemon_speaks_to_no_service_manager_of_whoever_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"):
        monkeypatch.setenv(name, "1")
    a_daemon(tmp_path, monkeypatch, f'env > "{tmp_path}/seen"; {READY}')
    start_broker()
    seen = (tmp_path / "seen").read_text()
    assert "BROKERD_STATE_DIR=" in seen
    assert not any(word in seen for word in ("NOTIFY_", "WATCHDOG_", "LISTEN_"))
