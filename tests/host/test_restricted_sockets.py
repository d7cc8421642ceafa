"""Where restricted sockets lie, and who can reach them there."""

from pathlib import Path

import msgspec
import pytest

from broker.host.restricted_sockets import (
    bind_restricted_socket,
    forget_restricted_place,
    restricted_path,
    sweep_restricted_places,
    unlink_restricted_socket,
)
from broker.model.restriction import SocketName
from tests.host.restricted import CI, knock, mode_of, what_is_wrong


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


def test_each_has_a_folder_of_its_own_that_is_closed_to_others(runtime: Path) -> None:
    with bind_restricted_socket(runtime, CI):
        path = restricted_path(runtime, CI)
        assert path == runtime / "sockets/ci/broker.sock"
        knock(path)
        assert mode_of(path) == 0o600
        assert mode_of(path.parent) == mode_of(path.parent.parent) == 0o700


def test_its_folder_outlives_the_daemon_and_goes_with_the_socket(runtime: Path) -> None:
    path = restricted_path(runtime, CI)
    bind_restricted_socket(runtime, CI).close()
    folder = path.parent.stat().st_ino
    unlink_restricted_socket(runtime, CI)
    bind_restricted_socket(runtime, CI).close()
    assert path.parent.stat().st_ino == folder
    forget_restricted_place(runtime, CI)
    assert list((runtime / "sockets").iterdir()) == []
    forget_restricted_place(runtime, CI)


def test_what_a_killed_daemon_has_left_is_swept(runtime: Path) -> None:
    other = msgspec.structs.replace(CI, name=SocketName("other"))
    for each in (CI, other):
        bind_restricted_socket(runtime, each).close()
    strange = runtime / "sockets/strange"
    strange.mkdir()
    (strange / "file").touch()
    kept = runtime / "sockets/kept"
    kept.mkdir()
    (kept / "broker.sock").touch()  # no socket, so none of ours
    sweep_restricted_places(runtime, frozenset({"ci"}))
    left = {path.name for path in (runtime / "sockets").iterdir()}
    assert left == {"ci", "strange", "kept"}
    assert (kept / "broker.sock").exists()
    sweep_restricted_places(runtime / "gone", frozenset())


@pytest.mark.parametrize("folder", ["sockets", "sockets/ci"])
def test_a_squatted_folder_is_refused(runtime: Path, folder: str) -> None:
    (runtime / folder).mkdir(parents=True, mode=0o700)
    (runtime / "sockets").chmod(0o700)
    (runtime / folder).chmod(0o777)
    assert folder in what_is_wrong(runtime, CI)
    assert not restricted_path(runtime, CI).exists()


def test_a_folder_that_is_a_link_is_refused(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (runtime / "sockets").symlink_to(tmp_path / "elsewhere")
    assert "sockets" in what_is_wrong(runtime, CI)
