"""The daemon as a process: its locks, its socket, its first line and its end."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker import daemon
from broker.model.account import AccountName
from brokerd_client import BrokerClient


@dataclass
class Running:
    """A `brokerd` and what it said when it was ready, or why it is not."""

    process: subprocess.Popen[bytes]
    said: dict[str, object]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def read_until(self, word: str) -> None:
        """Return when it has said this word."""
        assert self.process.stderr is not None
        while word.encode() not in self.process.stderr.readline():
            assert self.process.poll() is None, word

    @property
    def words(self) -> str:
        """All that went to stderr; only after its end."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@contextmanager
def brokerd(home: Path, **environment: str) -> Iterator[Running]:
    """A daemon in `home`, with nothing else of the environment."""
    reading, writing = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "broker", "--ready-fd", str(writing)],
        stderr=subprocess.PIPE,
        pass_fds=[writing],
        env={
            "BROKERD_CONFIG_DIR": str(home / "config"),
            "BROKERD_RUNTIME_DIR": str(home / "run"),
            "BROKERD_STATE_DIR": str(home / "state"),
            **environment,
        },
    )
    os.close(writing)
    with process, os.fdopen(reading, "rb") as ready:
        try:
            line = ready.readline()
            yield Running(process, json.loads(line) if line else {})
        finally:
            process.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_daemon_serves_a_private_socket_and_goes_when_it_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run" / "broker.sock"
    with brokerd(tmp_path) as running:
        assert running.said == {"ready": True}
        assert (mode(path.parent), mode(path)) == (0o700, 0o600)
        status = BrokerClient(path).status()
        assert isinstance(status, dict)
        assert status["pid"] == running.process.pid
        assert status["socket"] == str(path)
        assert status["store"] == "none"
        assert running.end() == 0
        assert not path.exists()
        assert "daemon.started" in running.words


@pytest.mark.parametrize("how", ["SIGINT", "the wire"])
def test_there_are_other_ways_to_tell_it(tmp_path: Path, how: str) -> None:
    with brokerd(tmp_path) as running:
        if how == "SIGINT":
            assert running.end(signal.SIGINT) == 0
        else:
            client = BrokerClient(tmp_path / "run" / "broker.sock")
            assert client.call("POST", "/v1/stop") == {}
            assert running.process.wait(20) == 0


def test_the_third_signal_ends_it_whatever_is_under_way(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, brokerd(tmp_path) as running:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        body = json.dumps({"account": "x", "issuer": url, "client_id": "y"}).encode()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(tmp_path / "run" / "broker.sock"))
            head = b"POST /v1/logins HTTP/1.1\r\nHost: broker\r\nContent-Length: %d\r\n"
            peer.sendall(head % len(body) + b"\r\n" + body)
            with silent.accept()[0]:
                # The daemon waits for an issuer that will not answer, and patiently.
                for _ in range(2):
                    running.process.send_signal(signal.SIGTERM)
                    running.read_until("daemon.told")
                assert running.end(signal.SIGTERM) == -signal.SIGTERM


def test_a_second_daemon_leaves_and_the_first_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "run" / "broker.sock"
    with brokerd(tmp_path) as first:
        # Another runtime folder does not make the same grants another's.
        elsewhere = {"BROKERD_RUNTIME_DIR": str(tmp_path / "elsewhere")}
        for environment in ({}, elsewhere):
            with brokerd(tmp_path, **environment) as second:
                assert second.said["code"] == "already_running"
                assert second.process.wait(20) == 27
                assert "brokerd: error: brokerd is already running" in second.words
        assert isinstance(BrokerClient(path).status(), dict)
        assert first.process.poll() is None


def test_a_socket_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    with brokerd(tmp_path) as crashed:
        crashed.end(signal.SIGKILL)
        assert (tmp_path / "run" / "broker.sock").exists()
    with brokerd(tmp_path) as running:
        assert running.said == {"ready": True}


def test_a_folder_that_others_may_enter_is_refused_and_not_mended(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o755)
    with brokerd(tmp_path) as running:
        assert running.said["code"] == "directory_unsafe"
        assert running.process.wait(20) == 26
        assert "brokerd: hint: " in running.words
    assert mode(folder) == 0o755


def test_a_file_that_is_no_store_keeps_the_daemon_running_and_is_told(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    store = state / "store.db"
    store.write_bytes(b"this is no database, whatever its name says" * 100)
    store.chmod(0o600)
    before = store.read_bytes()
    with brokerd(tmp_path) as running:
        assert running.said == {"ready": True}
        running.end()
        assert "store.closed code=store_corrupt" in running.words
    assert store.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_crash_leaves_no_core_with_its_memory(tmp_path: Path) -> None:
    with brokerd(tmp_path) as running:
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if "core file" in line)
        assert core.split()[4:6] == ["0", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify")
@pytest.mark.parametrize("name", ["run/broker.sock", "run", "state/store.lock"])
def test_a_daemon_that_nobody_can_reach_ends_by_itself(
    tmp_path: Path, name: str
) -> None:
    # As when the end of a session wipes the runtime folder under it.
    lost = tmp_path / name
    with brokerd(tmp_path) as running:
        assert running.said == {"ready": True}
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
        assert running.process.wait(20) == 0
        assert "daemon.unreachable" in running.words


# --- its parts ---------------------------------------------------------------------


def test_whoever_waits_for_the_first_line_gets_one_and_the_end() -> None:
    reading, writing = os.pipe()
    daemon._report(writing, {"ready": True})
    with os.fdopen(reading, "rb") as ready:
        assert ready.read() == b'{"ready": true}\n'


def test_whoever_no_longer_waits_for_the_first_line_does_no_harm() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    daemon._report(writing, {"ready": True})
    os.close(writing)
    daemon._report(None, {"ready": True})
    daemon._report(writing, {"ready": True})  # closed by now


def test_an_end_that_loses_what_the_disk_refused_is_told_and_is_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert daemon.tell_lost(()) == 0
    assert capsys.readouterr().err == ""
    assert daemon.tell_lost((AccountName("home"), AccountName("work"))) == 24
    assert "sign-ins of home, work were in memory alone" in capsys.readouterr().err


def test_the_persons_file_is_read_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    path.write_text("[network]\nproxy = 'none'\n[store]\nlock_after_idle = '8h'\n")
    path.chmod(0o600)
    with brokerd(tmp_path) as running:
        assert running.said == {"ready": True}
        status = BrokerClient(tmp_path / "run" / "broker.sock").status()
        assert isinstance(status, dict)
        assert status["config"] == str(path)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("[network]\nproxy = 'ftp://p'\n", 0o600, "network.proxy"),
        ("[network]\nprxy = 'http://p'\n", 0o600, "network.prxy is not known"),
        ("[issuers.x]\nissuer = 'http://x'\n", 0o600, "issuers.x: http://x"),
        ("[issuers.x]\nissuer = 1\n", 0o600, "issuers.x.issuer: "),
        ("", 0o666, "others can write it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_key(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(mode)
    with brokerd(tmp_path) as running:
        assert running.said["code"] == "config_invalid"
        assert said in str(running.said["detail"])
        assert running.process.wait(20) == 28
