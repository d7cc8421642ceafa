import asyncio
import copy
import hashlib
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brokerd_client import (
    AsyncBrokerClient,
    BrokerClient,
    BrokerError,
    BrokerUnreachableError,
    LoginRequiredError,
    ReplyMalformedError,
    Token,
)
from tests.fakes.broker import (
    FakeBroker,
    http,
    in_turn,
    problem_reply,
    token_reply,
)

Ask = Callable[..., Token]


def ask_waiting(**arguments: object) -> Token:
    return BrokerClient().token(**arguments)  # type: ignore[arg-type]


def ask_async(**arguments: object) -> Token:
    return asyncio.run(AsyncBrokerClient().token(**arguments))  # type: ignore[arg-type]


@pytest.fixture(params=[ask_waiting, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def test_a_token_comes_with_all_that_the_broker_says(runtime: Path, ask: Ask) -> None:
    with FakeBroker(runtime / "broker.sock", in_turn(token_reply("tok-1"))):
        token = ask(account="work")

    assert token.value == "tok-1"
    assert token.header == "Bearer tok-1"
    assert token.expires_at == 4102444800.0
    assert token.scopes == ("drive", "mail")
    assert token.account == "work"


def test_a_plain_request_names_only_the_life_it_needs(runtime: Path, ask: Ask) -> None:
    with FakeBroker(runtime / "broker.sock", in_turn(token_reply())) as broker:
        ask()

    assert broker.requests[0].json == {"min_ttl": 300.0}
    assert broker.requests[0].headers["host"] == "broker"


def test_every_argument_reaches_the_broker(runtime: Path, ask: Ask) -> None:
    with FakeBroker(runtime / "broker.sock", in_turn(token_reply())) as broker:
        ask(account="work", scopes=["a", "b"], resource="https://api", min_ttl=60)

    assert broker.requests[0].json == {
        "account": "work",
        "scopes": ["a", "b"],
        "resource": "https://api",
        "min_ttl": 60,
    }


def test_one_string_of_scopes_is_split_at_its_spaces(runtime: Path, ask: Ask) -> None:
    with FakeBroker(runtime / "broker.sock", in_turn(token_reply())) as broker:
        ask(scopes="drive mail")

    assert broker.requests[0].json["scopes"] == ["drive", "mail"]


def test_a_rejected_token_is_named_by_its_hash_alone(runtime: Path, ask: Ask) -> None:
    with FakeBroker(runtime / "broker.sock", lambda _: token_reply("tok-1")) as broker:
        ask(rejected=ask())
        ask(rejected="tok-1")

    digest = hashlib.sha256(b"tok-1").hexdigest()
    assert [r.json.get("rejected") for r in broker.requests] == [None, digest, digest]
    assert b"tok-1" not in broker.requests[1].body


def test_a_problem_document_becomes_its_error(runtime: Path, ask: Ask) -> None:
    reply = problem_reply(409, "login_required", account="gone", reason="revoked")
    with (
        FakeBroker(runtime / "broker.sock", in_turn(reply)),
        pytest.raises(LoginRequiredError) as caught,
    ):
        ask(account="gone")

    assert caught.value.code == "login_required"
    assert caught.value.detail == "the sentence of login_required"
    assert caught.value.hint == "the hint of login_required"
    assert caught.value.status == 409
    assert caught.value.facts == {"account": "gone", "reason": "revoked"}


@pytest.mark.parametrize(
    "members",
    [
        {"access_token": ""},
        {"access_token": "tok\r\nX-Evil: yes"},
        {"access_token": 7},
        {"expires_at": "soon"},
        {"expires_at": True},
        {"scopes": "drive"},
        {"scopes": [1]},
        {"account": None},
    ],
)
def test_a_token_of_another_shape_is_refused(
    runtime: Path, ask: Ask, members: dict[str, object]
) -> None:
    with (
        FakeBroker(runtime / "broker.sock", in_turn(token_reply(**members))),
        pytest.raises(ReplyMalformedError),
    ):
        ask()


def test_a_token_without_an_end_says_none(runtime: Path, ask: Ask) -> None:
    with FakeBroker(runtime / "broker.sock", in_turn(token_reply(expires_at=None))):
        assert ask().expires_at is None


def test_no_broker_is_an_error_that_says_so(runtime: Path, ask: Ask) -> None:
    with pytest.raises(BrokerUnreachableError) as caught:
        ask()

    assert caught.value.facts["cause"] == "not_running"
    assert caught.value.retryable
    assert str(runtime / "broker.sock") in caught.value.detail


def test_accounts_status_and_other_calls_give_the_decoded_answer(runtime: Path) -> None:
    replies = in_turn(
        http(200, {"a": 1}), http(200, {"b": 2}), http(204), http(202, {})
    )
    with FakeBroker(runtime / "broker.sock", replies) as broker:
        client = BrokerClient()
        answers = [
            client.accounts(),
            client.status(),
            client.call("DELETE", "/v1/logins/x"),
            client.call("POST", "/v1/stop", {}),
        ]

    assert answers == [{"a": 1}, {"b": 2}, None, {}]
    assert [(r.method, r.target) for r in broker.requests] == [
        ("GET", "/v1/accounts"),
        ("GET", "/v1/status"),
        ("DELETE", "/v1/logins/x"),
        ("POST", "/v1/stop"),
    ]


async def test_the_async_client_has_the_same_calls(runtime: Path) -> None:
    replies = in_turn(http(200, {"a": 1}), http(200, {"b": 2}), http(204))
    with FakeBroker(runtime / "broker.sock", replies) as broker:
        client = AsyncBrokerClient()
        answers = [
            await client.accounts(),
            await client.status(),
            await client.call("DELETE", "/v1/logins/x"),
        ]

    assert answers == [{"a": 1}, {"b": 2}, None]
    assert [r.target for r in broker.requests] == [
        "/v1/accounts",
        "/v1/status",
        "/v1/logins/x",
    ]


@pytest.mark.parametrize("path", ["v1/token", "/v1 /token", "/v1\r\nX: y", "/ü"])
def test_a_path_cannot_smuggle_a_second_line(path: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded"):
        BrokerClient().call("GET", path)


def test_a_client_can_be_copied_pickled_and_shared_by_threads(runtime: Path) -> None:
    client = pickle.loads(pickle.dumps(copy.deepcopy(BrokerClient(timeout=7))))  # noqa: S301 - our own bytes
    with (
        FakeBroker(runtime / "broker.sock", lambda _: token_reply("same")),
        ThreadPoolExecutor(8) as pool,
    ):
        tokens = list(pool.map(lambda _: client.token().value, range(24)))

    assert client.timeout == 7
    assert set(tokens) == {"same"}


def test_an_error_survives_a_process_pool(runtime: Path) -> None:
    reply = problem_reply(409, "login_required", account="gone")
    with (
        FakeBroker(runtime / "broker.sock", in_turn(reply)),
        pytest.raises(BrokerError) as caught,
    ):
        BrokerClient().token("gone")

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert type(again) is LoginRequiredError
    assert again.problem() == caught.value.problem()


@pytest.mark.parametrize("client", [BrokerClient, AsyncBrokerClient])
def test_a_long_answer_is_taken_only_where_one_was_asked_for(
    runtime: Path, client: type[BrokerClient | AsyncBrokerClient]
) -> None:
    def call(**words: int) -> object:
        answer = client().call("POST", "/v1/backup", {}, **words)
        return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer

    long = {"backup": "a" * 2_000_000}
    with FakeBroker(runtime / "broker.sock", in_turn(*[http(200, long)] * 3)):
        assert call(largest=3_000_000) == long
        with pytest.raises(ReplyMalformedError, match="more than 1 MiB"):
            call()
        with pytest.raises(ReplyMalformedError, match="more than 1 MiB"):
            call(largest=1_999_999)
