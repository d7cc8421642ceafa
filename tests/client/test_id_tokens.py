import asyncio
import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from brokerd_client import AsyncBrokerClient, BrokerClient, BrokerError, IdToken
from tests.fakes.broker import FakeBroker, http, in_turn, problem_reply

REPLY: dict[str, object] = {
    "id_token": "eyJ.a.b",
    "expires_at": 4102444800.0,
    "account": "work",
    "audience": "client-1",
    "subject": "person-1",
    "issuer": "https://issuer.example",
}

Ask = Callable[[str | None, str | None], IdToken]


def ask(account: str | None, audience: str | None) -> IdToken:
    return BrokerClient().id_token(account, audience)


def ask_async(account: str | None, audience: str | None) -> IdToken:
    return asyncio.run(AsyncBrokerClient().id_token(account, audience))


each = pytest.mark.parametrize("asked", [ask, ask_async], ids=["sync", "async"])


@each
def test_an_id_token_comes_with_what_it_says(runtime: Path, asked: Ask) -> None:
    reply = http(200, REPLY)
    with FakeBroker(runtime / "broker.sock", in_turn(reply, reply)) as broker:
        token = asked("work", "client-1")
        asked(None, None)
    assert token.value == "eyJ.a.b"
    assert token.header == "Bearer eyJ.a.b"
    assert (token.account, token.audience) == ("work", "client-1")
    assert (token.issuer, token.subject) == ("https://issuer.example", "person-1")
    assert token.expires_at == 4102444800.0
    assert [r.target for r in broker.requests] == ["/v1/id-token"] * 2
    assert [r.json for r in broker.requests] == [
        {"min_ttl": 300.0, "account": "work", "audience": "client-1"},
        {"min_ttl": 300.0},
    ]


@each
def test_an_error_of_the_broker_is_raised(runtime: Path, asked: Ask) -> None:
    reply = problem_reply(409, "no_id_token", account="work")
    with (
        FakeBroker(runtime / "broker.sock", in_turn(reply)),
        pytest.raises(BrokerError) as caught,
    ):
        asked("work", None)
    assert caught.value.code == "no_id_token"
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token": None},
        {"id_token": ""},
        {"id_token": "a\r\nX: y"},
        {"expires_at": None},
        {"expires_at": True},
        {"expires_at": "soon"},
        {"account": None},
        {"audience": ["client-1"]},
        {"subject": 7},
        {"issuer": None},
    ],
)
def test_another_shape_is_no_id_token(
    runtime: Path, changes: dict[str, object]
) -> None:
    with (
        FakeBroker(runtime / "broker.sock", in_turn(http(200, {**REPLY, **changes}))),
        pytest.raises(BrokerError) as caught,
    ):
        ask("work", None)
    assert caught.value.code == "reply_malformed"


def test_its_value_is_in_no_text_of_it_and_it_does_not_change() -> None:
    token = IdToken(
        value="c4n4ry",
        expires_at=1.0,
        account="a",
        audience="b",
        subject="c",
        issuer="d",
    )
    assert "c4n4ry" not in repr(token)
    for attempt in (str, lambda t: f"{t}", pickle.dumps):
        with pytest.raises(TypeError):
            attempt(token)
    with pytest.raises(AttributeError):
        token.value = "other"
    with pytest.raises(AttributeError):
        del token.value
    assert copy.copy(token) is token
    assert copy.deepcopy(token) is token
