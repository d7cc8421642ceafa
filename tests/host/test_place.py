"""The place of the one daemon. Two processes that want it: tests/test_daemon.py."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.host.place import Place, take_place
from broker.model.errors import AlreadyRunningError


def let_go(place: Place) -> None:
    for door in place.doors:
        door.close()
    place.leave()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    taken = take_place(tmp_path / "run", tmp_path / "state", {})
    yield taken
    let_go(taken)


def test_it_has_a_socket_in_the_runtime_folder(place: Place, tmp_path: Path) -> None:
    assert place.socket == tmp_path / "run" / "broker.sock"
    assert place.is_reachable()


def test_who_comes_next_is_told_who_has_it(place: Place, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunningError) as caught:
        take_place(tmp_path / "elsewhere", tmp_path / "state", {})
    assert caught.value.pid == os.getpid()
    assert caught.value.socket == str(place.socket)


def test_half_a_place_is_given_back(place: Place, tmp_path: Path) -> None:
    assert place.is_reachable()
    with pytest.raises(AlreadyRunningError):
        take_place(tmp_path / "elsewhere", tmp_path / "state", {})
    # Its runtime folder was locked first, and is free again.
    let_go(take_place(tmp_path / "elsewhere", tmp_path / "other", {}))


@pytest.mark.parametrize(
    "name", ["run/broker.sock", "run/brokerd.lock", "state/store.lock"]
)
def test_without_one_of_its_names_it_cannot_be_reached(
    place: Place, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).unlink()
    assert not place.is_reachable()


def test_leaving_removes_the_socket(tmp_path: Path) -> None:
    place = take_place(tmp_path / "run", tmp_path / "state", {})
    let_go(place)
    assert not place.socket.exists()


def test_leaving_does_not_remove_the_socket_of_somebody_else(tmp_path: Path) -> None:
    place = take_place(tmp_path / "run", tmp_path / "state", {})
    place.socket.rename(tmp_path / "moved")  # so that its inode stays in use
    place.socket.touch()
    let_go(place)
    assert place.socket.exists()
