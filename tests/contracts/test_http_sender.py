"""What every `HttpSender` promises: run on the fake and on the real one."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from broker.model.errors import IssuerUnreachableError
from broker.model.http import HttpRequest, HttpResponse
from broker.net.outbound import Outbound
from broker.services.interfaces import HttpSender
from tests.contracts.raw_server import answering, raw_server
from tests.fakes.sender import FakeSender


@dataclass
class Rig:
    """A sender with somebody at its other end who gives one answer.

    Attributes:
        sender: under test.
        url: of the one who answers.
        received: how many requests it has seen.
    """

    sender: HttpSender
    url: str
    received: Callable[[], int]


class Rigs:
    """Sets up rigs of one kind, and puts them away after the test."""

    def __init__(self, kind: str, stack: AsyncExitStack) -> None:
        self._kind = kind
        self._stack = stack

    async def answering(self, answer: HttpResponse | None) -> Rig:
        """None: nobody is there."""
        if self._kind == "fake":
            return self._fake(answer)
        outbound = Outbound(version="1")
        self._stack.push_async_callback(outbound.close)
        server = await self._stack.enter_async_context(
            raw_server(answering(_bytes(answer) if answer else b""))
        )
        url = server.url() if answer else "http://127.0.0.1:1/"
        return Rig(outbound, url, lambda: len(server.received))

    def _fake(self, answer: HttpResponse | None) -> Rig:
        fault = IssuerUnreachableError(
            issuer="http://127.0.0.1:1", what="refused", sent=False
        )
        sender = FakeSender(otherwise=answer or fault)
        return Rig(sender, "http://127.0.0.1:1/", lambda: len(sender.requests))


def _bytes(answer: HttpResponse) -> bytes:
    headers = "".join(f"{n.title()}: {v}\r\n" for n, v in answer.headers.items())
    head = f"HTTP/1.1 {answer.status} As It Is\r\n{headers}"
    return f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body


@pytest.fixture(params=["fake", "real"])
async def rigs(request: pytest.FixtureRequest) -> AsyncIterator[Rigs]:
    async with AsyncExitStack() as stack:
        yield Rigs(request.param, stack)


def post(url: str) -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=b"grant_type=refresh_token")


@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 429, 500, 503])
async def test_an_answer_is_handed_back_whatever_its_status(
    rigs: Rigs, status: int
) -> None:
    rig = await rigs.answering(HttpResponse(status=status))
    assert (await rig.sender.send(post(rig.url))).status == status


async def test_the_body_comes_back_byte_for_byte(rigs: Rigs) -> None:
    body = b'{"a": "\xc3\xbc"}\r\n\x00\xff'
    rig = await rigs.answering(HttpResponse(status=200, body=body))
    assert (await rig.sender.send(post(rig.url))).body == body


async def test_the_names_of_headers_come_back_in_lower_case(rigs: Rigs) -> None:
    rig = await rigs.answering(HttpResponse(status=503, headers={"retry-after": "7"}))
    assert (await rig.sender.send(post(rig.url))).headers["retry-after"] == "7"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(
    rigs: Rigs, status: int
) -> None:
    rig = await rigs.answering(HttpResponse(status=status, headers={"location": "/x"}))
    answer = await rig.sender.send(post(rig.url))
    assert (answer.status, answer.headers["location"]) == (status, "/x")
    assert rig.received() == 1


async def test_where_nobody_listens_the_issuer_is_unreachable(rigs: Rigs) -> None:
    rig = await rigs.answering(None)
    with pytest.raises(IssuerUnreachableError) as fault:
        await rig.sender.send(post(rig.url))
    assert (fault.value.issuer, fault.value.sent) == ("http://127.0.0.1:1", False)


async def test_requests_one_after_another_are_each_answered(rigs: Rigs) -> None:
    rig = await rigs.answering(HttpResponse(status=200, body=b"{}"))
    for _ in range(3):
        assert (await rig.sender.send(post(rig.url))).body == b"{}"
    assert rig.received() == 3
