"""What belongs to another user, or is done by one: only root can give and become."""

import ctypes
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.host import loopback_peer, read_persons_file
from broker.host.loopback_peer import is_own, owner
from broker.host.peer_facts import PeerLooker
from broker.host.private import ensure_private_directory
from broker.host.process import harden
from broker.host.sockets import bind_private_socket, peer_of
from broker.model.errors import (
    ConfigError,
    DirectoryUnsafeError,
    LockedError,
    NotPermittedError,
    StoreCorruptError,
)
from broker.store.keys.plain import KeyFile
from broker.store.keys.systemd_credential import SystemdCredential
from broker.store.opening import create_store, open_store
from tests.host.other_user import (
    OTHER_UID,
    as_other_user,
    start_as_other_user,
    wait_for,
)

LINUX_PR_SET_DUMPABLE = 4


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


def test_a_key_file_of_another_user_leaves_the_store_locked(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "store.key")
    source.make(bytes, b"a store of theirs"[:16])
    os.chown(tmp_path / "store.key", 4711, -1)
    with pytest.raises(LockedError, match="belongs to user 4711"):
        source.recall("{}")


async def test_the_store_of_another_user_is_refused(tmp_path: Path) -> None:
    path, source = tmp_path / "store.db", KeyFile(tmp_path / "store.key")
    await (await create_store(path, source)).close()
    os.chown(path, 4711, -1)
    with pytest.raises(StoreCorruptError, match="belongs to user 4711"):
        await open_store(path, source)


def test_the_command_line_of_another_users_program_is_not_read(folder: Path) -> None:
    with bind_private_socket(folder / "s") as listening:
        (folder / "s").chmod(0o666)
        listening.settimeout(60)

        def stay() -> None:
            with connected(folder / "s"):
                signal.pause()

        pid = start_as_other_user(stay)
        accepted, _ = listening.accept()
        with accepted:
            facts = PeerLooker().look(accepted, peer_of(accepted))
        os.kill(pid, signal.SIGKILL)
        wait_for(pid)
    assert (facts.uid, facts.pid) == (OTHER_UID, pid)
    assert facts.command is not None
    assert facts.script is None


def test_a_configuration_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch(mode=0o644)
    os.chown(path, OTHER_UID, -1)
    with pytest.raises(ConfigError) as fault:
        read_persons_file(path)
    assert fault.value.what == f"it belongs to user {OTHER_UID}, not to 0"


@pytest.mark.parametrize("is_hardened", [True, False])
def test_only_an_unhardened_process_is_read_by_programs_of_its_user(
    is_hardened: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    ready, say_ready = os.pipe()

    def live() -> None:
        # Becoming another user has closed the process already: open it again.
        ctypes.CDLL(None).prctl(LINUX_PR_SET_DUMPABLE, 1, 0, 0, 0)
        if is_hardened:
            harden()
        os.write(say_ready, b"r")
        signal.pause()

    pid = start_as_other_user(live)
    try:
        assert os.read(ready, 1) == b"r"
        os.close(ready)
        os.close(say_ready)

        def read() -> None:
            if is_hardened:
                with pytest.raises(PermissionError):
                    Path(f"/proc/{pid}/environ").read_bytes()
            else:
                Path(f"/proc/{pid}/environ").read_bytes()

        assert as_other_user(read) == 0
    finally:
        os.kill(pid, signal.SIGKILL)
        wait_for(pid)


@pytest.mark.parametrize("become", [os.seteuid, os.setegid])
def test_a_set_uid_or_set_gid_broker_refuses_to_run(
    become: Callable[[int], None],
) -> None:
    become(OTHER_UID)
    try:
        with pytest.raises(NotPermittedError):
            harden()
    finally:
        become(0)


def test_a_private_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    ensure_private_directory(tmp_path / "theirs")
    os.chown(tmp_path / "theirs", OTHER_UID, OTHER_UID)
    with pytest.raises(DirectoryUnsafeError, match=f"belongs to user {OTHER_UID}"):
        ensure_private_directory(tmp_path / "theirs")


def test_nothing_is_made_in_a_folder_of_another_user(tmp_path: Path) -> None:
    os.chown(tmp_path, OTHER_UID, OTHER_UID)
    with pytest.raises(DirectoryUnsafeError, match="belongs to another user"):
        ensure_private_directory(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_a_socket_of_another_user_is_not_removed(folder: Path) -> None:
    bind_private_socket(folder / "s").close()
    os.chown(folder / "s", OTHER_UID, OTHER_UID)
    with pytest.raises(DirectoryUnsafeError, match="is not a socket of ours"):
        bind_private_socket(folder / "s")
    assert (folder / "s").is_socket()


def test_a_peer_of_another_user_is_seen_as_that_user(folder: Path) -> None:
    with bind_private_socket(folder / "s") as listening:
        (folder / "s").chmod(0o666)
        assert as_other_user(lambda: connected(folder / "s").close()) == 0
        accepted, _ = listening.accept()
        with accepted:
            assert peer_of(accepted).uid == OTHER_UID


def test_another_user_cannot_connect_to_the_admin_socket(folder: Path) -> None:
    def knock() -> None:
        with pytest.raises(PermissionError):
            connected(folder / "s")

    with bind_private_socket(folder / "s"):
        assert as_other_user(knock) == 0


def test_a_credential_of_a_stranger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "brokerd-key").write_bytes(bytes(32))
    (tmp_path / "brokerd-key").chmod(0o400)
    source = SystemdCredential(str(tmp_path))
    os.chown(tmp_path / "brokerd-key", 4711, -1)
    with pytest.raises(LockedError, match="not this daemon's alone"):
        source.recall("{}")


def test_the_end_of_another_users_connection_on_loopback_is_not_ours() -> None:
    """The daemon's side is another user's, too: root itself is let in."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    reading, writing = os.pipe()

    def connect() -> None:
        with socket.create_connection(("127.0.0.1", port)):
            os.read(reading, 1)

    child = start_as_other_user(connect)
    accepted, address = listening.accept()
    with listening, accepted:
        here = accepted.getsockname()
        assert owner(address, here, loopback_peer._lines()) == OTHER_UID
        assert not is_own(address, here)
    os.write(writing, b"x")
    assert wait_for(child) == 0
