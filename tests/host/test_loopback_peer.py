"""Whose the other end of a connection on loopback is."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.host import loopback_peer
from broker.host.loopback_peer import is_own, owner

HEAD = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"
)
ROW = "   1: {} 00000000:00000000 00:00000000 00000000 {} 0 12345 1 0000 20 4 30 10 -1"
MAPPED = "0000000000000000FFFF0000"
PEER, HERE = ("127.0.0.1", 43211), ("127.0.0.1", 8080)


def row(ends: str, uid: int = 1000) -> str:
    return ROW.format(ends, uid)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_the_end_of_an_own_program_is_own_while_it_is_there(
    listening: socket.socket,
) -> None:
    with socket.create_connection(listening.getsockname()) as peer:
        accepted, address = listening.accept()
        with accepted:
            assert is_own(address, accepted.getsockname())
            assert not is_own((address[0], address[1] ^ 1), accepted.getsockname())
            peer.close()
            # The kernel knows the owner no more, and says root.
            assert not is_own(address, accepted.getsockname())


def test_a_program_that_connects_by_ipv6_to_the_same_place_is_found(
    listening: socket.socket,
) -> None:
    with socket.socket(socket.AF_INET6) as peer:
        peer.connect(("::ffff:127.0.0.1", listening.getsockname()[1]))
        accepted, address = listening.accept()
        with accepted:
            assert is_own(address, accepted.getsockname())


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        ("0100007F:A8CB 0100007F:1F90 01", 1000),
        (f"{MAPPED}0100007F:A8CB {MAPPED}0100007F:1F90 01", 1000),
        ("0100007F:1F90 0100007F:A8CB 01", None),  # our own end
        ("0100007F:A8CB 0100007F:1F90 06", None),  # it waits for its end
        ("0100007F:A8CC 0100007F:1F90 01", None),
        ("0200007F:A8CB 0100007F:1F90 01", None),
    ],
)
def test_the_other_end_is_found_in_the_kernels_table(
    ends: str, found: int | None
) -> None:
    assert owner(PEER, HERE, [HEAD, row(ends)]) == found


def test_where_the_kernel_shows_no_table_nobody_is_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loopback_peer, "TABLES", (Path("/proc/none"),))
    assert not is_own(PEER, HERE)


def test_a_system_that_does_not_tell_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert is_own(PEER, HERE)
