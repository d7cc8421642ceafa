"""Restricted sockets on the wire."""

import msgspec
import pytest

from broker.ipc.socket_wire import SocketBody, expires_in, restriction, socket_reply
from broker.ipc.wire import parse_body
from broker.model.errors import BadRequestError
from broker.model.policy import Operation
from broker.model.restriction import Confirm, Rate, Runner
from broker.model.time import Seconds
from broker.services.socket_records import SocketRecord
from broker.services.sockets import ListedSocket

RUNNER = Runner(pid=4711, started=7)
LEAST = b'{"name":"ci","accounts":["work"]}'
MOST = b"""{"name":"ci","accounts":["work","home","work"],"scopes":["b","a"],
  "resource":"https://api.example/","max_ttl":600,"operations":["login","token"],
  "rate":{"most":60,"seconds":60},"expires_in":28800,"uses":5,"confirm":"first",
  "group":"builders","path":"/srv/b/ci.sock"}"""


def body(text: bytes) -> SocketBody:
    return parse_body(text, SocketBody)


def read(text: bytes) -> None:
    """All that the route reads."""
    asked = body(text)
    restriction(asked, None)
    expires_in(asked)


def test_what_is_left_out_is_as_narrow_or_as_wide_as_the_account() -> None:
    own = restriction(body(LEAST), None)
    assert own.accounts == ("work",)
    assert own.operations == {Operation.TOKEN}
    assert (own.scopes, own.resource, own.max_ttl, own.rate) == (None,) * 4
    assert (own.uses, own.group, own.path) == (None,) * 3
    assert own.confirm is Confirm.NEVER
    assert expires_in(body(LEAST)) is None


def test_every_member_is_read() -> None:
    own = restriction(body(MOST), RUNNER)
    assert own.accounts == ("work", "home")
    assert own.scopes == frozenset({"a", "b"})
    assert own.operations == {Operation.TOKEN, Operation.LOGIN}
    assert own.rate == Rate(most=60, seconds=Seconds(60))
    assert own.confirm is Confirm.FIRST
    assert expires_in(body(MOST)) == Seconds(28800)
    listed = ListedSocket(record=SocketRecord(restriction=own), path="/p", fault=None)
    reply = socket_reply(listed)
    assert reply["scopes"] == ["a", "b"]
    assert reply["operations"] == ["login", "token"]
    assert reply["rate"] == {"most": 60, "seconds": 60}
    assert reply["with_process"] == RUNNER.pid


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../x"},
        {"name": ""},
        {"name": "-n"},
        {"name": "a/b"},
        {"name": "x" * 33},
        {"name": "ci\n"},
        {"name": "admin"},
        {"accounts": []},
        {"accounts": ["-x"]},
        {"accounts": None},
        {"scopes": []},
        {"scopes": ["a b"]},
        {"resource": "not a uri"},
        {"max_ttl": 0},
        {"max_ttl": -1},
        {"max_ttl": 1e300},
        {"expires_in": 0},
        {"operations": []},
        {"operations": ["manage"]},
        {"operations": ["accounts"]},
        {"rate": {"most": 0, "seconds": 60}},
        {"rate": {"most": 1, "seconds": 0}},
        {"rate": {"most": 10**9, "seconds": 60}},
        {"rate": {"most": 1}},
        {"uses": 0},
        {"confirm": "sometimes"},
        {"group": "builders"},
        {"path": "relative/s"},
        {"path": "/srv/../s"},
        {"path": "/srv//s"},
        {"path": "/srv/s/"},
        {"path": "/srv/\0s"},
        {"mode": "0666"},
        {"made_at": 1},
        {"expires_at": 1},
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object]) -> None:

    text = msgspec.json.encode({"name": "ci", "accounts": ["work"], **changes})
    with pytest.raises(BadRequestError) as caught:
        read(text)
    assert "\n" not in caught.value.what
