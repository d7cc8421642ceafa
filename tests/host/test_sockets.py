import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.host.sockets import SUN_PATH_BYTES, bind_private_socket, peer_of
from broker.model.errors import (
    AlreadyRunningError,
    ConfigError,
    DirectoryUnsafeError,
)
from broker.model.peer import Peer


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket, and open, so that another user can reach it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(path))
    return client


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022])
def test_the_admin_socket_is_private_whatever_the_umask(
    folder: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        with bind_private_socket(folder / "s"):
            assert stat.S_IMODE((folder / "s").stat().st_mode) == 0o600
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_the_admin_socket_listens_without_blocking(folder: Path) -> None:
    with bind_private_socket(folder / "s") as listening, connected(folder / "s"):
        assert not listening.getblocking()
        assert not listening.get_inheritable()
        listening.accept()[0].close()


def test_a_herd_waits_in_the_backlog_without_being_refused(folder: Path) -> None:
    with bind_private_socket(folder / "s"):
        herd = [connected(folder / "s") for _ in range(200)]
    for client in herd:
        client.close()


def test_the_socket_of_a_dead_daemon_is_replaced(folder: Path) -> None:
    bind_private_socket(folder / "s").close()
    assert (folder / "s").is_socket()
    with bind_private_socket(folder / "s"), connected(folder / "s"):
        pass


def test_a_socket_that_somebody_listens_to_is_never_taken_over(folder: Path) -> None:
    with bind_private_socket(folder / "s") as listening:
        with pytest.raises(AlreadyRunningError):
            bind_private_socket(folder / "s")
        with connected(folder / "s"):
            listening.accept()[0].close()


def test_a_listener_with_a_full_backlog_counts_as_living(folder: Path) -> None:
    with (
        bind_private_socket(folder / "s", backlog=0),
        connected(folder / "s"),
        pytest.raises(AlreadyRunningError),
    ):
        bind_private_socket(folder / "s")


def test_a_file_in_the_place_of_the_socket_is_not_removed(folder: Path) -> None:
    (folder / "s").write_text("kept")
    with pytest.raises(DirectoryUnsafeError, match="is not a socket of ours"):
        bind_private_socket(folder / "s")
    assert (folder / "s").read_text() == "kept"


def test_a_link_to_a_socket_is_not_followed(folder: Path) -> None:
    bind_private_socket(folder / "s").close()
    (folder / "link").symlink_to(folder / "s")
    with pytest.raises(DirectoryUnsafeError, match="is not a socket of ours"):
        bind_private_socket(folder / "link")
    assert (folder / "s").is_socket()


def test_a_folder_that_is_missing_is_an_error_of_ours(folder: Path) -> None:
    with pytest.raises(DirectoryUnsafeError, match="cannot hold a socket"):
        bind_private_socket(folder / "missing" / "s")


def test_a_path_longer_than_the_system_allows_is_named(folder: Path) -> None:
    room = SUN_PATH_BYTES - 1 - len(str(folder)) - 1
    with bind_private_socket(folder / ("s" * room)):
        pass
    with pytest.raises(ConfigError, match=f"has {SUN_PATH_BYTES} bytes"):
        bind_private_socket(folder / ("s" * (room + 1)))


def test_the_peer_is_the_one_that_connected(folder: Path) -> None:
    with bind_private_socket(folder / "s") as listening, connected(folder / "s"):
        accepted, _ = listening.accept()
        with accepted:
            assert peer_of(accepted) == Peer(uid=os.geteuid(), pid=os.getpid())


def test_the_name_that_a_peer_gives_itself_changes_nothing(folder: Path) -> None:
    # CVE-2019-7304: a uid was parsed out of a string that held this name.
    with bind_private_socket(folder / "s") as listening:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.bind(str(folder / ";uid=12345;"))
        client.connect(str(folder / "s"))
        accepted, name = listening.accept()
        with client, accepted:
            assert ";uid=12345;" in name
            assert peer_of(accepted).uid == os.geteuid()
