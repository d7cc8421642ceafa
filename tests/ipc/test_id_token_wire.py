import json

import pytest

from broker.ipc.id_token_wire import (
    LONGEST_AUDIENCE,
    IdTokenBody,
    id_token_answer,
    id_token_wanted,
)
from broker.ipc.wire import parse_body
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import BEARER, AccessToken
from broker.services.id_token_checks import IdTokenServed, IdTokenWanted
from tests.fakes.clock import START
from tests.services.world import WORK

SERVED = IdTokenServed(
    account=WORK,
    token=AccessToken(
        value=Secret("eyJ.a.b"),
        token_type=BEARER,
        scopes=frozenset(),
        obtained=START,
        life=Seconds(60),
    ),
    audience="client-1",
    issuer="https://issuer.example",
    subject="person-1",
)


def wanted(body: bytes) -> IdTokenWanted:
    return id_token_wanted(parse_body(body, IdTokenBody))


def test_everything_may_be_left_out() -> None:
    assert wanted(b"{}") == IdTokenWanted()


def test_what_is_named_is_asked_for() -> None:
    body = b'{"account": "work", "audience": "a", "min_ttl": 60}'
    expected = IdTokenWanted(account=WORK, audience="a", min_ttl=Seconds(60))
    assert wanted(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"account": "a b"}',
        b'{"audience": ""}',
        b'{"audience": 1}',
        json.dumps({"audience": "a" * (LONGEST_AUDIENCE + 1)}).encode(),
        b'{"min_ttl": -1}',
        b'{"min_ttl": 86401}',
        b'{"scopes": ["openid"]}',
    ],
)
def test_what_is_out_of_its_range_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        wanted(body)


def test_the_answer_is_json_or_the_bare_token() -> None:
    headers, body = id_token_answer(SERVED, "*/*")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "id_token": "eyJ.a.b",
        "expires_at": START.wall + 60,
        "account": "work",
        "audience": "client-1",
        "subject": "person-1",
        "issuer": "https://issuer.example",
    }
    headers, body = id_token_answer(SERVED, "text/plain")
    assert headers["Content-Type"].startswith("text/plain")
    assert body == b"eyJ.a.b"
