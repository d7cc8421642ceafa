import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from brokerd_client.errors import SocketNotTrustedError
from brokerd_client.trust import (
    check_default,
    check_peer,
    is_out_of_reach,
    read_peer_uid,
    sharing_uid,
)

OWN = os.geteuid()
STRANGER = OWN + 1000
FOLDER = stat.S_IFDIR | 0o755
SOCKET = stat.S_IFSOCK | 0o600
LINK = stat.S_IFLNK | 0o777


def disk(places: Mapping[str, tuple[int, int]]) -> Callable[[str], os.stat_result]:
    """An `lstat` over mode and owner of a few places; `/` is root's."""
    known = {"/": (FOLDER, 0), **places}

    def lstat(path: str) -> os.stat_result:
        if path not in known:
            raise FileNotFoundError(path)
        mode, uid = known[path]
        return os.stat_result((mode, 0, 0, 0, uid, 0, 0, 0, 0, 0))

    return lstat


@pytest.fixture
def own_socket(runtime: Path) -> Path:
    runtime.mkdir(mode=0o700)
    path = runtime / "broker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return path


def test_our_socket_in_our_closed_folder_is_trusted(own_socket: Path) -> None:
    check_default(str(own_socket))


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o770, 0o777, 0o1777])
def test_a_default_folder_open_to_others_is_refused(
    own_socket: Path, mode: int
) -> None:
    own_socket.parent.chmod(mode)

    with pytest.raises(SocketNotTrustedError, match="open to other users"):
        check_default(str(own_socket))


def test_a_default_folder_that_is_a_link_is_refused(
    own_socket: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(own_socket.parent)

    with pytest.raises(SocketNotTrustedError, match="folder of yours"):
        check_default(str(link / "broker.sock"))


def test_a_default_socket_that_is_a_link_is_refused(own_socket: Path) -> None:
    link = own_socket.parent / "link.sock"
    link.symlink_to(own_socket)

    with pytest.raises(SocketNotTrustedError, match="not a socket of yours"):
        check_default(str(link))


@pytest.mark.parametrize("stranger", ["/run/broker", "/run/broker/broker.sock"])
def test_a_default_place_of_another_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, stranger: str
) -> None:
    places = {
        "/run/broker": (stat.S_IFDIR | 0o700, OWN),
        "/run/broker/broker.sock": (SOCKET, OWN),
    }
    places[stranger] = (places[stranger][0], STRANGER)
    monkeypatch.setattr(os, "lstat", disk(places))

    with pytest.raises(SocketNotTrustedError, match="of yours"):
        check_default("/run/broker/broker.sock")


def test_a_place_under_folders_of_root_and_us_is_out_of_reach() -> None:
    lstat = disk({"/a": (FOLDER, 0), "/a/b": (FOLDER, OWN), "/a/b/s": (SOCKET, 0)})

    assert is_out_of_reach("/a/b/s", lstat)


@pytest.mark.parametrize(
    "folder",
    [
        (FOLDER, STRANGER),
        (stat.S_IFDIR | 0o1777, 0),
        (stat.S_IFDIR | 0o775, OWN),
        (stat.S_IFDIR | 0o757, OWN),
    ],
    ids=["a stranger's", "sticky", "the group's", "everyone's"],
)
@pytest.mark.parametrize("place", ["/a", "/a/b"])
def test_one_folder_that_strangers_can_write_to_is_enough(
    folder: tuple[int, int], place: str
) -> None:
    places = {"/a": (FOLDER, 0), "/a/b": (FOLDER, 0), "/a/b/s": (SOCKET, OWN)}

    assert not is_out_of_reach("/a/b/s", disk({**places, place: folder}))


@pytest.mark.parametrize("target", ["/tmp/x", "../tmp/x", "/a/../tmp/./x"])  # noqa: S108 - names only
def test_a_link_counts_as_far_as_it_leads(target: str) -> None:
    places = {
        "/a": (FOLDER, 0),
        "/a/s": (LINK, 0),
        "/tmp": (stat.S_IFDIR | 0o1777, 0),  # noqa: S108 - a name
        "/tmp/x": (SOCKET, OWN),  # noqa: S108 - a name
    }

    assert not is_out_of_reach("/a/s", disk(places), lambda _: target)
    safe = {**places, "/tmp": (FOLDER, 0)}  # noqa: S108 - a name
    assert is_out_of_reach("/a/s", disk(safe), lambda _: target)


def test_a_ring_of_links_ends_and_is_not_trusted() -> None:
    lstat = disk({"/a": (FOLDER, 0), "/a/s": (LINK, 0)})

    assert not is_out_of_reach("/a/s", lstat, lambda _: "/a/s")


def test_a_place_that_is_not_there_says_so() -> None:
    with pytest.raises(FileNotFoundError):
        is_out_of_reach("/a/s", disk({}))


def test_the_kernel_says_who_listens(own_socket: Path) -> None:
    own_socket.unlink()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as us:
        listener.bind(str(own_socket))
        listener.listen()
        us.connect(str(own_socket))

        assert read_peer_uid(us) == OWN


@pytest.mark.parametrize(
    ("uid", "named", "trusted"),
    [
        (OWN, False, True),
        (OWN, True, True),
        (STRANGER, False, False),
        (STRANGER, True, False),
        (-1, True, False),
    ],
)
def test_the_other_end_must_be_ourselves(
    uid: int, *, named: bool, trusted: bool
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        if trusted:
            check_peer(connection, "/s", named=named, peer_uid=lambda _: uid)
            return
        with pytest.raises(SocketNotTrustedError, match=f"uid {uid}"):
            check_peer(connection, "/s", named=named, peer_uid=lambda _: uid)


GROUP_SOCKET = stat.S_IFSOCK | 0o660
GROUP = 4242


def group_disk(
    *, socket: int = GROUP_SOCKET, folder: int = stat.S_IFDIR | 0o710, gid: int = GROUP
) -> Callable[[str], os.stat_result]:
    """`/srv` is root's, `/srv/s` and what is in it a stranger's, for a group."""
    plain = disk(
        {
            "/srv": (FOLDER, 0),
            "/srv/s": (folder, STRANGER),
            "/srv/s/broker.sock": (socket, STRANGER),
        }
    )

    def lstat(path: str) -> os.stat_result:
        found = list(plain(path)[:10])
        found[5] = gid
        return os.stat_result(found)

    return lstat


@pytest.mark.parametrize(
    ("changed", "shared"),
    [
        ({}, True),
        ({"gid": GROUP + 1}, False),
        ({"socket": stat.S_IFSOCK | 0o666}, False),
        ({"socket": stat.S_IFREG | 0o660}, False),
        ({"folder": stat.S_IFDIR | 0o770}, False),
        ({"folder": stat.S_IFDIR | 0o1777}, False),
    ],
)
def test_another_users_socket_is_trusted_where_it_is_for_a_group_of_ours(
    monkeypatch: pytest.MonkeyPatch, *, changed: dict[str, int], shared: bool
) -> None:
    monkeypatch.setattr(os, "getgroups", lambda: [GROUP])
    lstat = group_disk(**changed)
    path = "/srv/s/broker.sock"
    assert not is_out_of_reach(path, lstat)
    assert sharing_uid(path, lstat) == (STRANGER if shared else None)

    monkeypatch.setattr(
        "brokerd_client.trust.sharing_uid", lambda p: sharing_uid(p, lstat)
    )
    with socket.socket(socket.AF_UNIX) as connection:
        if shared:
            check_peer(connection, path, named=True, peer_uid=lambda _: STRANGER)
        for named, uid in ((False, STRANGER), (True, STRANGER + 1), (True, -1)):
            with pytest.raises(SocketNotTrustedError):
                check_peer(connection, path, named=named, peer_uid=lambda _, u=uid: u)  # type: ignore[misc]


def test_a_socket_that_has_gone_is_shared_by_nobody() -> None:
    assert sharing_uid("/srv/s/broker.sock", disk({})) is None


def test_root_may_serve_a_socket_that_was_named_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with socket.socket(socket.AF_UNIX) as connection:
        check_peer(connection, "/s", named=True, peer_uid=lambda _: 0)
        with pytest.raises(SocketNotTrustedError):
            check_peer(connection, "/s", named=False, peer_uid=lambda _: 0)
