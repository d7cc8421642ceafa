import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.host.service_manager import (
    UNNAMED,
    inherited_sockets,
    notify,
    watchdog_interval,
)
from broker.model.errors import ConfigError
from broker.model.time import Seconds

FIRST = 200
"""Far from the descriptors that the tests themselves have open."""


@pytest.fixture
def handed_over(tmp_path: Path) -> Iterator[list[str]]:
    """Two listening sockets at FIRST and after, as a service manager leaves them."""
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    for number, path in enumerate(paths):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(path)
            listening.listen()
            os.dup2(listening.fileno(), FIRST + number, inheritable=True)
    yield paths
    for number in range(len(paths)):
        try:
            os.close(FIRST + number)
        except OSError:
            continue  # closed by the test, as it should be


def environment(**variables: str) -> dict[str, str]:
    return {"LISTEN_PID": "77", "LISTEN_FDS": "2", "HOME": "/home/me", **variables}


def test_sockets_come_with_their_names_and_the_variables_go(
    handed_over: list[str],
) -> None:
    environ = environment(LISTEN_FDNAMES="admin:work")
    sockets = inherited_sockets(environ, 77, first=FIRST)
    try:
        found = [(name, s.getsockname()) for name, s in sockets]
        assert found == list(zip(["admin", "work"], handed_over, strict=True))
        assert [s.get_inheritable() for _, s in sockets] == [False, False]
        assert [s.getblocking() for _, s in sockets] == [False, False]
        assert environ == {"HOME": "/home/me"}
    finally:
        for _, adopted in sockets:
            adopted.close()


@pytest.mark.parametrize("names", ["", "one", "one:two:three"])
def test_names_that_do_not_fit_are_no_names(handed_over: list[str], names: str) -> None:
    sockets = inherited_sockets(environment(LISTEN_FDNAMES=names), 77, first=FIRST)
    assert [name for name, _ in sockets] == [UNNAMED] * len(handed_over)
    for _, adopted in sockets:
        adopted.close()


@pytest.mark.parametrize(
    "variables",
    [
        {"LISTEN_PID": "78"},
        {"LISTEN_PID": ""},
        {"LISTEN_FDS": ""},
        {"LISTEN_FDS": "-1"},
        {"LISTEN_FDS": "two"},
        {"LISTEN_FDS": "0"},
    ],
)
def test_what_was_handed_to_another_process_is_left_alone(
    handed_over: list[str], variables: dict[str, str]
) -> None:
    environ = environment(**variables)
    assert inherited_sockets(environ, 77, first=FIRST) == []
    assert environ == {"HOME": "/home/me"}
    for number in range(len(handed_over)):
        os.fstat(FIRST + number)


def test_nothing_was_handed_over_where_no_variable_says_so() -> None:
    assert inherited_sockets({}, 77) == []


def test_a_tcp_socket_is_refused(handed_over: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        os.dup2(tcp.fileno(), FIRST + 1)
    with pytest.raises(ConfigError, match="is not a listening Unix stream socket"):
        inherited_sockets(environment(), 77, first=FIRST)
    assert len(handed_over) == 2


def test_a_descriptor_that_is_no_socket_is_refused(handed_over: list[str]) -> None:
    read, write = os.pipe()
    os.dup2(read, FIRST)
    os.close(read)
    os.close(write)
    with pytest.raises(ConfigError, match="descriptor 200 of LISTEN_FDS"):
        inherited_sockets(environment(), 77, first=FIRST)
    assert len(handed_over) == 2


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_service_manager_is_told(tmp_path: Path, is_abstract: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    name = f"@brokerd-test-{os.getpid()}" if is_abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        assert notify({"NOTIFY_SOCKET": name}, "READY=1\nSTATUS=serving")
        assert manager.recv(100) == b"READY=1\nSTATUS=serving"


@pytest.mark.parametrize("name", ["", "relative", "/no/such/socket"])
def test_without_a_service_manager_nobody_is_told(name: str) -> None:
    assert not notify({"NOTIFY_SOCKET": name}, "READY=1")


def test_the_watchdog_is_fed_twice_in_its_time() -> None:
    assert watchdog_interval({"WATCHDOG_USEC": "60000000"}) == Seconds(30)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_watchdog_or_one_for_another_process_is_not_fed(
    environ: dict[str, str],
) -> None:
    assert watchdog_interval(environ) is None
