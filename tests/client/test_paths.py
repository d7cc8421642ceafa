import os
import sys
from pathlib import Path

import platformdirs
import pytest

from brokerd_client import paths
from brokerd_client.paths import find_socket, runtime_directory, socket_path


@pytest.fixture(autouse=True)
def bare(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del runtime
    monkeypatch.delenv("BROKERD_RUNTIME_DIR")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(paths, "_run_user", lambda: None)


def test_the_runtime_folder_of_the_session_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")

    assert runtime_directory() == Path("/run/user/7/brokerd")
    assert socket_path() == Path("/run/user/7/brokerd/broker.sock")


def test_our_own_variable_goes_before_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    monkeypatch.setenv("BROKERD_RUNTIME_DIR", "/srv/broker")

    assert find_socket(None) == ("/srv/broker/broker.sock", False)


def test_a_named_socket_goes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKERD_RUNTIME_DIR", "/srv/broker")
    monkeypatch.setenv("BROKERD_SOCKET", "/run/other.sock")

    assert find_socket(None) == ("/run/other.sock", True)
    assert find_socket("/run/third.sock") == ("/run/third.sock", True)
    assert socket_path() == Path("/run/other.sock")


def test_a_relative_name_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert find_socket(Path("x/../broker.sock")) == (f"{tmp_path}/broker.sock", True)


@pytest.mark.parametrize("value", ["", "run/user/7", "/"])
def test_a_session_folder_that_is_not_absolute_is_ignored(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)

    assert "/brokerd/run" in str(runtime_directory())


def test_without_a_session_an_owned_run_user_folder_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paths, "_run_user", lambda: "/run/user/7")

    assert runtime_directory() == Path("/run/user/7/brokerd")


@pytest.mark.skipif(sys.platform != "linux", reason="where Linux's XDG folders are")
def test_without_any_runtime_folder_the_state_folder_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert runtime_directory() == Path("/home/ada/.local/state/brokerd/run")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/ada/state")
    assert runtime_directory() == Path("/home/ada/state/brokerd/run")
    monkeypatch.setenv("BROKERD_STATE_DIR", "/srv/state")
    assert runtime_directory() == Path("/srv/state/run")


@pytest.mark.parametrize("variable", ["BROKERD_RUNTIME_DIR", "BROKERD_SOCKET"])
def test_a_tilde_that_no_shell_has_seen_is_the_home(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "~/x")

    assert str(socket_path()).startswith("/home/ada/x")


@pytest.mark.parametrize("state_home", [None, "/home/ada/state", "relative", ""])
def test_the_state_folder_is_the_daemon_s(
    monkeypatch: pytest.MonkeyPatch, state_home: str | None
) -> None:
    if state_home is not None:
        monkeypatch.setenv("XDG_STATE_HOME", state_home)
    daemons = platformdirs.user_state_path("brokerd", appauthor=False)

    assert runtime_directory() == daemons / "run"


def test_macos_keeps_it_where_the_system_does_not_clean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert runtime_directory() == Path(
        "/home/ada/Library/Application Support/brokerd/run"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /run/user")
@pytest.mark.parametrize(
    ("mode", "owner", "expected"),
    [
        (0o40700, 0, True),
        (0o40755, 0, False),
        (0o40700, 1, False),
        (0o120700, 0, False),
    ],
)
def test_a_run_user_folder_counts_where_it_is_ours_alone(
    monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, *, expected: bool
) -> None:
    monkeypatch.undo()
    own = os.geteuid()
    found = os.stat_result((mode, 0, 0, 0, own + owner, 0, 0, 0, 0, 0))
    monkeypatch.setattr(os, "lstat", lambda _: found)

    assert paths._run_user() == (f"/run/user/{own}" if expected else None)
