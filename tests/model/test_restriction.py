"""What a restricted socket is called, and what it can be for."""

import pytest

from broker.model.errors import BadRequestError
from broker.model.policy import Operation
from broker.model.restriction import Restriction, SocketName, parse_socket_name
from broker.model.time import UnixTime


@pytest.mark.parametrize("name", ["ci", "a", "0", "me@host.example", "x" * 32])
def test_a_name_is_that_of_a_folder(name: str) -> None:
    assert parse_socket_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "-ci", "a/b", "../ci", "a b", "ci\n", "\u0441i", "x" * 33, "admin"],
)
def test_what_leads_elsewhere_or_is_taken_is_no_name(name: str) -> None:
    with pytest.raises(BadRequestError):
        parse_socket_name(name)


def test_whatever_it_says_of_itself_it_is_never_for_administration() -> None:
    own = Restriction(
        name=SocketName("ci"),
        accounts=(),
        operations=frozenset(Operation),
        made_at=UnixTime(0),
    )
    assert not own.permits(Operation.MANAGE)
    assert not own.permits(Operation.LIST)
    assert own.permits(Operation.TOKEN)
    assert own.permits(Operation.ACCOUNTS)
