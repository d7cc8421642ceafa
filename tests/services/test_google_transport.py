"""google-auth's transport: what upstream's own tests ask of one, and more."""

import asyncio
import copy
import threading
from functools import partial

import pytest
from google.auth.exceptions import TransportError

from broker.model.errors import IssuerUnreachableError
from broker.model.http import HttpResponse
from broker.services.google_transport import LoopRequest, LoopResponse, in_thread
from tests.fakes.sender import FakeSender, json_response
from tests.services.threads import under_way

URL = "https://oauth2.googleapis.com/token"
DOWN = IssuerUnreachableError(issuer=URL, what="connection refused")


async def sent(request: LoopRequest, **options: object) -> LoopResponse:
    """One request, from a thread."""
    return await in_thread(partial(request, URL, **options), name="test")  # type: ignore[arg-type]


def requesting(sender: FakeSender) -> LoopRequest:
    return LoopRequest(sender, asyncio.get_running_loop())


async def test_an_answer_has_status_headers_and_body() -> None:
    answer = HttpResponse(status=200, headers={"x-one": "1"}, body=b"hello")
    response = await sent(requesting(FakeSender(answer)))
    assert (response.status, response.headers["x-one"]) == (200, "1")
    assert response.data == b"hello"


async def test_a_request_leaves_as_it_was_given() -> None:
    sender = FakeSender(json_response({}))
    await sent(requesting(sender), method="POST", body=b"a=1", headers={"X-A": "b"})
    [request] = sender.requests
    assert (request.method, request.url, request.body) == ("POST", URL, b"a=1")
    assert request.headers == {"X-A": "b"}


async def test_a_status_of_500_is_an_answer_like_any_other() -> None:
    response = await sent(requesting(FakeSender(json_response({}, 500))))
    assert response.status == 500


async def test_an_unreachable_host_is_a_transport_error() -> None:
    request = requesting(FakeSender(DOWN))
    with pytest.raises(TransportError):
        await sent(request)
    assert request.fault is DOWN


async def test_a_timeout_that_passes_is_a_transport_error() -> None:
    sender = FakeSender(json_response({}))
    sender.hold()
    with pytest.raises(TransportError, match="in time"):
        await sent(requesting(sender), timeout=0.01)


async def test_a_client_certificate_is_refused() -> None:
    sender = FakeSender()
    with pytest.raises(TransportError, match="cert"):
        await sent(requesting(sender), cert=("cert.pem", "key.pem"))
    assert sender.requests == []


async def test_it_refuses_to_wait_on_the_thread_of_the_loop() -> None:
    sender = FakeSender()
    with pytest.raises(TransportError, match="thread of the loop"):
        requesting(sender)(URL)
    assert sender.requests == []


async def test_a_deep_copy_is_itself() -> None:
    request = requesting(FakeSender())
    assert copy.deepcopy(request) is request


async def test_what_is_closed_sends_nothing_more() -> None:
    sender = FakeSender()
    request = requesting(sender)
    request.close()
    with pytest.raises(TransportError, match="nobody waits"):
        await sent(request)
    assert sender.requests == []


async def test_whoever_waits_for_an_answer_is_let_go_by_closing() -> None:
    sender = FakeSender(json_response({}))
    sender.hold()
    request = requesting(sender)
    waiting = asyncio.create_task(sent(request))
    await under_way(sender, 1)
    request.close()
    with pytest.raises(TransportError):
        await waiting
    assert sender.under_way == 0


async def test_the_loop_goes_on_while_a_thread_waits() -> None:
    sender = FakeSender(json_response({}))
    gate = sender.hold()
    waiting = asyncio.create_task(sent(requesting(sender)))
    await under_way(sender, 1)
    turns = 0
    for _ in range(1000):
        await asyncio.sleep(0)
        turns += 1
    assert (turns, waiting.done()) == (1000, False)
    gate.set()
    assert (await waiting).status == 200


async def test_threads_that_wait_hold_up_no_other() -> None:
    sender = FakeSender(otherwise=json_response({}))
    gate = sender.hold()
    waiting = [asyncio.create_task(sent(requesting(sender))) for _ in range(50)]
    await under_way(sender, 50)
    assert await in_thread(lambda: "at once", name="other") == "at once"
    gate.set()
    assert {(await each).status for each in waiting} == {200}


async def test_what_a_thread_raises_is_raised_where_it_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0, name="test")


async def test_a_thread_whose_waiter_has_gone_ends_by_itself() -> None:
    held, ended = threading.Event(), threading.Event()

    def work() -> None:
        held.wait(10)
        ended.set()

    waiting = asyncio.create_task(in_thread(work, name="test"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.set()
    assert await asyncio.to_thread(ended.wait, 10)
    # What it hands over is for nobody: the loop is not told of an error.
    await asyncio.sleep(0)


async def test_no_part_of_a_request_is_in_its_error() -> None:
    request = requesting(FakeSender(DOWN))
    with pytest.raises(TransportError) as caught:
        await sent(request, method="POST", body=b"assertion=secret")
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None
