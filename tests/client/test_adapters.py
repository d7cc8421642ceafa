"""The same promises of the adapters for Requests, HTTPX (both ways) and aiohttp."""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests

from brokerd_client import LoginRequiredError
from brokerd_client.aiohttp import bearer_middleware
from brokerd_client.httpx import BrokerAuth as HttpxAuth
from brokerd_client.requests import BrokerAuth as RequestsAuth
from tests.fakes.api import Call, FakeApi, Said, accepts
from tests.fakes.broker import FakeBroker, in_turn, problem_reply, token_reply

Fetch = Callable[[str, Collection[str], object], int]
"""Sends a POST with a body, follows redirects, and returns the last status."""


def by_requests(url: str, origins: Collection[str], body: object) -> int:
    auth = RequestsAuth("work", origins=origins)
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=body, auth=auth, timeout=30).status_code  # type: ignore[arg-type]


def by_httpx(url: str, origins: Collection[str], body: object) -> int:
    auth = HttpxAuth("work", origins=origins)
    with httpx.Client(auth=auth, follow_redirects=True, trust_env=False) as client:
        return client.post(url, content=body).status_code  # type: ignore[arg-type]


def by_async_httpx(url: str, origins: Collection[str], body: object) -> int:
    async def fetch() -> int:
        auth = HttpxAuth("work", origins=origins)
        async with httpx.AsyncClient(
            auth=auth, follow_redirects=True, trust_env=False
        ) as client:
            content = stream(body) if isinstance(body, Iterator) else body
            return (await client.post(url, content=content)).status_code  # type: ignore[arg-type]

    return asyncio.run(fetch())


def by_aiohttp(url: str, origins: Collection[str], body: object) -> int:
    async def fetch() -> int:
        middleware = bearer_middleware("work", origins=origins)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            data = stream(body) if isinstance(body, Iterator) else body
            async with session.post(url, data=data) as response:
                return response.status

    return asyncio.run(fetch())


async def stream(parts: Iterator[bytes]) -> object:
    for part in parts:
        yield part


@pytest.fixture(
    params=[by_requests, by_httpx, by_async_httpx, by_aiohttp],
    ids=["requests", "httpx", "async httpx", "aiohttp"],
)
def fetch(request: pytest.FixtureRequest) -> Fetch:
    chosen: Fetch = request.param
    return chosen


@pytest.fixture
def path(runtime: Path) -> Path:
    return runtime / "broker.sock"


def test_a_named_origin_gets_the_token(path: Path, fetch: Fetch) -> None:
    with (
        FakeBroker(path, in_turn(token_reply("tok-1"))) as broker,
        FakeApi(accepts("tok-1")) as api,
    ):
        status = fetch(f"{api.origin}/files?x=1", [api.origin], b"body")

    assert status == 200
    assert broker.requests[0].json["account"] == "work"
    assert api.calls[0].body == b"body"


def test_another_origin_gets_the_request_and_no_token(path: Path, fetch: Fetch) -> None:
    with (
        FakeBroker(path, in_turn()) as broker,
        FakeApi(accepts()) as api,
    ):
        status = fetch(api.origin, ["https://api.example"], b"")

    assert status == 401
    assert api.bearers == [None]
    assert broker.requests == []


def test_after_a_401_a_newer_token_is_tried_once(path: Path, fetch: Fetch) -> None:
    replies = in_turn(token_reply("tok-1"), token_reply("tok-2"))
    with FakeBroker(path, replies) as broker, FakeApi(accepts("tok-2")) as api:
        status = fetch(api.origin, [api.origin], b"body")

    assert status == 200
    assert api.bearers == ["tok-1", "tok-2"]
    assert [call.body for call in api.calls] == [b"body", b"body"]
    assert broker.requests[1].json["rejected"] == hashlib.sha256(b"tok-1").hexdigest()


def test_a_second_401_is_the_answer(path: Path, fetch: Fetch) -> None:
    replies = in_turn(token_reply("tok-1"), token_reply("tok-2"))
    with FakeBroker(path, replies), FakeApi(accepts()) as api:
        status = fetch(api.origin, [api.origin], b"")

    assert status == 401
    assert api.bearers == ["tok-1", "tok-2"]


def test_the_same_token_is_not_sent_twice(path: Path, fetch: Fetch) -> None:
    with (
        FakeBroker(path, lambda _: token_reply("tok-1")),
        FakeApi(accepts()) as api,
    ):
        status = fetch(api.origin, [api.origin], b"")

    assert status == 401
    assert api.bearers == ["tok-1"]


def test_a_body_that_is_gone_is_not_sent_again(path: Path, fetch: Fetch) -> None:
    with (
        FakeBroker(path, in_turn(token_reply("tok-1"))),
        FakeApi(lambda _: Said(401)) as api,
    ):
        status = fetch(api.origin, [api.origin], iter([b"on", b"ce"]))

    assert status == 401
    assert api.bearers == ["tok-1"]
    assert api.calls[0].body == b"once"


def test_a_redirect_to_another_origin_goes_without_the_token(
    path: Path, fetch: Fetch
) -> None:
    with FakeBroker(path, lambda _: token_reply("tok-1")), FakeApi(accepts()) as evil:

        def send_away(_: Call) -> Said:
            return Said(307, headers={"Location": f"{evil.origin}/steal"})

        with FakeApi(send_away) as api:
            status = fetch(api.origin, [api.origin], b"body")

    assert status == 401
    assert api.bearers == ["tok-1"]
    assert evil.bearers == [None]


def test_no_token_is_the_brokers_own_error(path: Path, fetch: Fetch) -> None:
    with (
        FakeBroker(path, in_turn(problem_reply(409, "login_required"))),
        FakeApi(accepts()) as api,
        pytest.raises(LoginRequiredError),
    ):
        fetch(api.origin, [api.origin], b"")

    assert api.calls == []


@pytest.mark.parametrize(
    ("extra", "needs"),
    [
        ("google", "google.auth"),
        ("requests", "requests"),
        ("httpx", "httpx"),
        ("aiohttp", "aiohttp"),
    ],
)
def test_without_its_library_an_adapter_says_which_extra_to_install(
    extra: str, needs: str
) -> None:
    script = f"""
import sys
sys.modules[{needs!r}] = None  # as if it were not installed
try:
    import brokerd_client.{extra}
except ImportError as exc:
    print(exc)
    print(type(exc.__cause__).__name__)
"""
    said = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert said[0].endswith(f"install brokerd-client with its extra '{extra}'")
    assert said[1] == "ModuleNotFoundError"


@pytest.mark.parametrize("make", [RequestsAuth, HttpxAuth, bearer_middleware])
def test_an_adapter_without_an_origin_is_not_made(
    make: Callable[..., object],
) -> None:
    with pytest.raises(ValueError, match="name the origins"):
        make("work", origins=[])
