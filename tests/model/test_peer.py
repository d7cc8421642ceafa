"""Whom a socket serves: the boundary is the uid."""

import pytest

from broker.model.account import AccountName
from broker.model.peer import Socket
from broker.model.restriction import Restriction, SocketName
from broker.model.time import UnixTime

ADMIN = Socket(name="admin", owner_uid=1000)
CI = Restriction(
    name=SocketName("ci"), accounts=(AccountName("work"),), made_at=UnixTime(0)
)


def restricted(group: str | None) -> Socket:
    of_group = Restriction(
        name=CI.name, accounts=CI.accounts, made_at=CI.made_at, group=group
    )
    return Socket(name="ci", owner_uid=1000, restriction=of_group)


@pytest.mark.parametrize("uid", [0, 999, 1001, 65534, -1])
def test_a_socket_serves_its_owner_and_nobody_else_not_even_root(uid: int) -> None:
    for socket in (ADMIN, restricted(None)):
        assert socket.serves(1000)
        assert not socket.serves(uid)


def test_the_members_of_its_group_may_come_to_a_socket_made_for_them() -> None:
    socket = restricted("builders")
    assert socket.serves(1000)
    assert socket.serves(1001)
    assert not socket.serves(0)
