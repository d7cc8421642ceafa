"""A restricted socket, and what is done to it in tests."""

import socket
import stat
from pathlib import Path

import pytest

from broker.host.restricted_sockets import bind_restricted_socket
from broker.model.account import AccountName
from broker.model.errors import SocketUnusableError
from broker.model.restriction import Restriction, SocketName
from broker.model.time import UnixTime

CI = Restriction(
    name=SocketName("ci"), accounts=(AccountName("work"),), made_at=UnixTime(0)
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def knock(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.connect(str(path))


def what_is_wrong(runtime: Path, restriction: Restriction) -> str:
    with pytest.raises(SocketUnusableError) as caught:
        bind_restricted_socket(runtime, restriction)
    assert caught.value.socket == "ci"
    return caught.value.what
