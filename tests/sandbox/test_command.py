import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from broker.sandbox.command import parse_options, run

COMMAND = (
    "import sys; from broker.sandbox.command import run; sys.exit(run(sys.argv[1:]))"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_in_one_line_and_ends_at_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        [sys.executable, "-c", COMMAND, "--dir", str(tmp_path / "my own")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        assert set(where) == {"issuer", "client_secrets", "api"}
        assert Path(where["client_secrets"]).is_file()
        port = int(where["issuer"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass  # it serves
        process.send_signal(number)
        rest, told = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest == ""
    sandbox, sign_in = told.splitlines()
    assert "this is a sandbox" in sandbox
    assert shlex.split(sign_in.removeprefix("brokerd: to sign in: ")) == [
        *("brokerctl", "login", "try"),
        *("--issuer", where["issuer"]),
        *("--client-secrets", where["client_secrets"]),
        *("--scope", "https://www.googleapis.com/auth/drive.metadata.readonly"),
    ]


def test_where_nobody_can_be_told_it_ends_with_one_line(tmp_path: Path) -> None:
    # Linux has a device that is full for everyone.
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-c", COMMAND, "--dir", str(tmp_path / "own")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "brokerd: error: cannot write: no space left on device\n"


def test_a_taken_port_is_exit_13_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["--port", str(port), "--dir", str(tmp_path / "own")]) == 13
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"brokerd: error: port {port} on 127.0.0.1 is taken\n"
        "brokerd: hint: choose another --port, or leave it out\n"
    )


def test_an_unsafe_folder_is_exit_26(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o777)
    assert run(["--dir", str(tmp_path)]) == 26
    assert "others can write to it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["--port", "65536"],
        ["--port", "-1"],
        ["--access-ttl", "0"],
        ["--access-ttl", "1.5"],
        ["--refresh-ttl", "9" * 5000],
        ["--nonsense"],
    ],
)
def test_wrong_usage_is_exit_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(argv)
    assert ended.value.code == 2
    assert "usage: brokerd sandbox" in capsys.readouterr().err


def test_the_default_folder_lies_under_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROKERD_STATE_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    if os.name == "posix" and sys.platform != "darwin":
        assert parse_options([]).folder == tmp_path / "brokerd" / "sandbox"
    monkeypatch.setenv("BROKERD_STATE_DIR", str(tmp_path / "own"))
    assert parse_options([]).folder == tmp_path / "own" / "sandbox"
