"""Bodies of accounts without a person."""

import json

import pytest

from broker.ipc.adding_wire import parse_wanted
from broker.model.account import AccountName
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.unattended import ClientCredentials
from broker.services.adding import Wanted

ROBOT = AccountName("robot")
BODY: dict[str, object] = {
    "kind": "client_credentials",
    "issuer": "https://issuer.example",
    "client_id": "c",
    "client_secret": "s3cret",
}


def wanted(**changes: object) -> Wanted:
    read = parse_wanted(ROBOT, json.dumps({**BODY, **changes}).encode())
    assert isinstance(read, Wanted)
    return read


def test_a_client_that_asks_in_its_own_name_is_read() -> None:
    read = wanted(scopes=["b", "a"], parameters={"audience": "x"}, replace=True)
    assert (read.name, read.issuer) == (ROBOT, BODY["issuer"])
    assert read.client.client_id == "c"
    assert read.client.client_secret == Secret("s3cret")
    assert read.unattended == ClientCredentials()
    assert read.scopes == ("b", "a")
    assert read.parameters == {"audience": "x"}
    assert read.replace
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"kind": "magic"}, "kind is one of client_credentials"),
        ({"kind": None}, "kind"),
        ({"client_id": ""}, "printable ASCII"),
        ({"client_secret": ""}, "printable ASCII"),
        ({"client_secret": "a\nb"}, "printable ASCII"),
        ({"scopes": ["a b"]}, "scope"),
        ({"resource": "no url"}, "resource"),
        ({"parameters": {"scope": "x"}}, "scope"),
        ({"scope": "a"}, "unknown field"),
    ],
)
def test_what_is_not_whole_is_refused(changes: dict[str, object], what: str) -> None:
    with pytest.raises(BadRequestError, match=what):
        wanted(**changes)
