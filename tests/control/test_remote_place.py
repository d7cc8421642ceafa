"""Where a forwarded socket lies on the other host: the script, with a real shell."""

import os
import socket
import stat
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from broker.control.remote_place import SCRIPT, prepared_place
from broker.host import hold_lock
from brokerd_client import BrokerError
from brokerd_client.paths import find_socket


def there(
    home: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", "-s", "--", *words],
        input=SCRIPT,
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(home), "PATH": os.environ["PATH"], **environment},
    )


def a_stale_socket(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize("has_runtime", [True, False])
def test_it_is_where_clients_there_look_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_runtime: bool
) -> None:
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path / "xdg")} if has_runtime else {}
    for name in list(os.environ):
        if name.startswith(("BROKERD_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in runtime.items():
        monkeypatch.setenv(name, value)
    expected = find_socket(None)[0]
    if not expected.startswith(str(tmp_path)):
        pytest.fail(f"this machine has a {expected}: run as a user without one")
    said = there(tmp_path, **runtime)
    assert said.stdout == f"{expected}\n"
    assert stat.S_IMODE(Path(expected).parent.stat().st_mode) == 0o700


def test_what_an_earlier_connection_left_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "brokerd/broker.sock"
    a_stale_socket(path)
    assert there(tmp_path, XDG_RUNTIME_DIR=str(tmp_path)).returncode == 0
    assert not path.exists()


def test_a_broker_that_runs_there_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "brokerd/broker.sock"
    a_stale_socket(path)
    lock = hold_lock(path.parent / "brokerd.lock")
    lock.tell(os.getpid(), path)
    said = there(tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
    lock.close()
    assert said.returncode != 0
    assert f"pid {os.getpid()}" in said.stderr
    assert path.exists()


def test_a_path_of_the_persons_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a b/own.sock"
    a_stale_socket(path)
    said = there(tmp_path, str(path))
    assert said.stdout == f"{path}\n"
    assert not path.exists()
    (tmp_path / "file").touch()
    assert there(tmp_path, str(tmp_path / "file")).returncode == 0
    assert (tmp_path / "file").exists()


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` that runs the command here, with a shell, as sshd does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(
        '#!/bin/sh\necho "$@" >>"$HOME/asked"\nshift $(($# - 1))\nexec sh -c "$1"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return program


def test_the_host_is_asked_once_with_the_options_of_ssh(
    fake_ssh: Path, tmp_path: Path
) -> None:
    del fake_ssh
    place = prepared_place("host", ["-p", "2222"], None)
    assert place == str(tmp_path / "brokerd/broker.sock")
    assert (tmp_path / "asked").read_text() == "-p 2222 host sh -s --\n"
    own = prepared_place("host", [], PurePosixPath(tmp_path / "a 'b.sock"))
    assert own == str(tmp_path / "a 'b.sock")


def test_where_ssh_fails_that_is_told(fake_ssh: Path) -> None:
    fake_ssh.write_text("#!/bin/sh\nexit 255\n")
    with pytest.raises(BrokerError, match="exit code 255"):
        prepared_place("host", [], None)
    fake_ssh.write_text("#!/bin/sh\necho Welcome\n")
    with pytest.raises(BrokerError):
        prepared_place("host", [], None)


def test_a_place_there_is_absolute() -> None:
    with pytest.raises(BrokerError, match="absolute"):
        prepared_place("host", [], PurePosixPath("s"))
