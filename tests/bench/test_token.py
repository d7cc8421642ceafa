"""How long a cached token takes, beside yardsticks measured in the same run.

Prints ratios of medians; asserts only that every answer was a token.
"""

import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo.consent import walk_consent_page

BIN = Path(sys.executable).parent
REQUESTS = 2000
PROCESSES = 15
BODY = b'{"account":"demo"}'
REQUEST = (
    b"POST /v1/token HTTP/1.1\r\nHost: broker\r\nAccept: text/plain\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
BARE_SERVER = """
import asyncio, sys
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\n"
async def serve(reader, writer):
    await reader.read(65536)
    writer.write(HEAD + b'token')
    writer.close()
async def main():
    server = await asyncio.start_unix_server(serve, sys.argv[1], backlog=4096)
    print("ready", flush=True); await server.serve_forever()
import uvloop; uvloop.run(main())
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short path: a socket's may have a hundred bytes or so."""
    made = Path(tempfile.mkdtemp(prefix="brokerd-"))
    for name in ("CONFIG", "STATE", "RUNTIME"):
        monkeypatch.setenv(f"BROKERD_{name}_DIR", str(made / name.lower()))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made / "xdg"))
    monkeypatch.delenv("BROKERD_SOCKET", raising=False)
    yield made
    subprocess.run([BIN / "brokerctl", "stop"], check=False, capture_output=True)
    shutil.rmtree(made)


@pytest.fixture
def broker(folder: Path) -> Iterator[Path]:
    """A daemon that holds a cached token of the account demo; its socket."""
    command: list[str | Path] = [BIN / "brokerd", "sandbox"]
    command += ["--dir", folder / "sandbox"]
    with _server(command) as line:
        _sign_in(json.loads(line))
        yield folder / "runtime" / "broker.sock"


@pytest.fixture
def bare(folder: Path) -> Iterator[Path]:
    """The least that asyncio can do: read once, answer, close."""
    path = folder / "bare.sock"
    with _server([sys.executable, "-c", BARE_SERVER, path]):
        yield path


@contextmanager
def _server(command: list[str | Path]) -> Iterator[str]:
    """A process that says one line when it is ready: the line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()


def test_a_cached_token_on_a_new_connection_each(broker: Path, bare: Path) -> None:
    timed = _interleaved(
        {"brokerd": lambda: _exchange(broker), "bare asyncio": lambda: _exchange(bare)},
        REQUESTS,
    )
    _print("cached token, a new connection each", timed, "brokerd", "bare asyncio")


def test_brokerctl_token_as_a_whole_process(broker: Path) -> None:
    assert broker.exists()
    timed = _interleaved(
        {
            "brokerctl token": lambda: _run(BIN / "brokerctl", "token", "demo"),
            "python -c pass": lambda: _run(Path(sys.executable), "-c", "pass"),
        },
        PROCESSES,
    )
    _print("brokerctl token, whole process", timed, "brokerctl token", "python -c pass")


def _sign_in(issuer: dict[str, str]) -> None:
    command: list[str | Path] = [BIN / "brokerctl", "login", "demo", "--no-browser"]
    command += ["--issuer", issuer["issuer"]]
    command += ["--client-secrets", issuer["client_secrets"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as login:
        assert login.stdout is not None
        url = login.stdout.readline().rsplit(" ", 1)[-1].strip()
        list(walk_consent_page(url))
        assert login.wait(timeout=60) == 0


def _interleaved(
    actions: dict[str, Callable[[], None]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each action; in turn, so that a drifting machine hurts both."""
    timed: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            timed[name].append(time.perf_counter() - began)
    return timed


def _exchange(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.fspath(path))
        connection.sendall(REQUEST)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == http.client.OK
        assert response.read()


def _run(program: Path, *words: str) -> None:
    subprocess.run([program, *words], check=True, capture_output=True)


def _print(
    title: str, timed: dict[str, list[float]], ours: str, yardstick: str
) -> None:
    print(f"\n{title}")
    for name, seconds in timed.items():
        p99 = statistics.quantiles(seconds, n=100)[98]
        middle = statistics.median(seconds)
        print(f"  {name:16} median {middle * 1e6:9.0f} us   p99 {p99 * 1e6:9.0f} us")
    ratio = statistics.median(timed[ours]) / statistics.median(timed[yardstick])
    print(f"  {ours} over {yardstick}: {ratio:.2f}")
