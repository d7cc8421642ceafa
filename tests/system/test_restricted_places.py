"""Restricted sockets at a path of the person's own, where only root can make one.

Every folder on the way there is root's or the person's: no folder of pytest's is.
"""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from broker.host.restricted_sockets import (
    bind_restricted_socket,
    forget_restricted_place,
)
from broker.model.restriction import Restriction
from tests.host.other_user import OTHER_UID, as_other_user
from tests.host.restricted import CI, knock, mode_of, what_is_wrong

GROUP = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that only root and we can write to, from the root on."""
    own = Path(f"/opt/brokerd-test-{os.getpid()}")
    own.mkdir(mode=0o755)
    yield own
    for path in sorted(own.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    own.rmdir()


def at(path: Path, **changes: object) -> Restriction:
    return msgspec.structs.replace(CI, path=str(path), **changes)


def test_a_path_of_the_persons_own_is_taken(runtime: Path, place: Path) -> None:
    path = place / "s.sock"
    with bind_restricted_socket(runtime, at(path)):
        knock(path)
        assert mode_of(path) == 0o600
    forget_restricted_place(runtime, at(path))
    assert place.exists()
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_a_path_where_others_could_put_a_socket_is_refused(
    runtime: Path, place: Path, mode: int
) -> None:
    below = place / "a"
    below.mkdir()
    place.chmod(mode)
    for path in (place / "s.sock", below / "s.sock"):
        assert "other users can write" in what_is_wrong(runtime, at(path))


def test_a_path_that_leads_nowhere_is_told(runtime: Path, place: Path) -> None:
    assert "cannot be looked at" in what_is_wrong(runtime, at(place / "gone/s.sock"))
    (place / "file").touch()
    assert what_is_wrong(runtime, at(place / "file/s.sock"))
    assert "not a socket of ours" in what_is_wrong(runtime, at(place / "file"))
    assert "107" in what_is_wrong(runtime, at(place / ("s" * 120)))


def test_a_socket_that_somebody_listens_at_stays_theirs(
    runtime: Path, place: Path
) -> None:
    path = place / "s.sock"
    with bind_restricted_socket(runtime, at(path)):
        assert "somebody listens" in what_is_wrong(runtime, at(path))
        knock(path)


def test_a_groups_socket_is_the_groups(runtime: Path, place: Path) -> None:
    path = place / "s.sock"
    with bind_restricted_socket(runtime, at(path, group=GROUP)):
        found = path.lstat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert found.st_gid == os.getegid()


def test_a_group_that_cannot_get_there_is_told_of_the_folder(
    runtime: Path, place: Path
) -> None:
    below = place / "below"
    below.mkdir(mode=0o700)
    what = what_is_wrong(runtime, at(below / "s.sock", group=GROUP))
    assert f"{GROUP} cannot enter {below}" in what
    below.chmod(0o710)
    with bind_restricted_socket(runtime, at(below / "s.sock", group=GROUP)):
        pass


def test_a_group_that_is_not_there_is_told(runtime: Path, place: Path) -> None:
    what = what_is_wrong(runtime, at(place / "s.sock", group="no-such-group"))
    assert "no group 'no-such-group'" in what


def test_a_path_in_another_users_folder_is_refused(runtime: Path, place: Path) -> None:
    os.chown(place, OTHER_UID, OTHER_UID)
    assert what_is_wrong(runtime, at(place / "s.sock"))


def test_a_group_that_one_is_no_member_of_is_refused_and_nothing_is_left(
    place: Path,
) -> None:
    own = place / "own"
    own.mkdir()
    os.chown(own, OTHER_UID, OTHER_UID)
    own.chmod(0o711)

    def deed() -> None:
        what = what_is_wrong(own, at(own / "s.sock", group="daemon"))
        assert "you must be a member" in what, what
        assert not (own / "s.sock").exists()

    assert as_other_user(deed) == 0
