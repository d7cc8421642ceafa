"""A daemon that was started by hand is ended, and seen gone."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from broker.control.detached import stop_detached
from broker.control.service_calls import ServiceError

# A daemon of two answers: who it is, and its end.
DETACHED = """\
    import os, sys
    from http.server import BaseHTTPRequestHandler
    from socketserver import UnixStreamServer

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self): self.say(b'{"pid": %d}' % os.getpid())
        def do_POST(self): self.say(b"{}"); self.wfile.flush(); os._exit(0)
        def say(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *args): pass
        def address_string(self): return "peer"

    server = UnixStreamServer(sys.argv[1], Answer)
    print("ready", flush=True)
    server.serve_forever()
"""


@pytest.fixture
def socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "broker.sock"
    monkeypatch.setenv("BROKERD_SOCKET", str(path))
    return path


@contextmanager
def running(code: str, socket_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", dedent(code), str(socket_path)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout
        assert daemon.stdout.readline() == "ready\n"
        # Awaited all the time: a dead child that nobody has fetched counts as alive.
        parent = threading.Thread(target=daemon.wait)
        parent.start()
        try:
            yield daemon
        finally:
            daemon.kill()
            parent.join()


def test_a_running_daemon_is_asked_to_stop_and_its_end_is_awaited(
    socket_path: Path,
) -> None:
    with running(DETACHED, socket_path) as daemon:
        assert stop_detached() is True
        assert daemon.wait() == 0


def test_where_none_runs_there_is_nothing_to_stop(socket_path: Path) -> None:
    assert not socket_path.exists()
    assert stop_detached() is False


def test_a_stranger_on_the_socket_is_not_told_to_stop(socket_path: Path) -> None:
    other = DETACHED.replace('{"pid": %d}\' % os.getpid()', "{}'")
    with (
        running(other, socket_path) as daemon,
        pytest.raises(ServiceError, match="not brokerd"),
    ):
        stop_detached()
    assert daemon.returncode != 0  # killed by the test, not stopped by us


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere somebody reaps")
def test_a_daemon_that_nobody_reaps_has_ended_too(socket_path: Path) -> None:
    # As in a container whose first process is no init.
    command = [sys.executable, "-c", dedent(DETACHED), str(socket_path)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        command, stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout
        assert daemon.stdout.readline() == "ready\n"
        assert stop_detached()
