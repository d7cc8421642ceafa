"""The redirect listener against everybody who is not the browser it waits for."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest
import uvloop

from broker.model.redirect import Outcome, ResponseMode
from broker.net.connection import LONGEST_LINE_BYTES, MOST_CONNECTIONS
from broker.net.pages import FAILURE, REFUSAL, STRAY, SUCCESS
from tests.contracts.browser import follow, get, post, send
from tests.contracts.waiting import OURS, Waiting, origin_of, port_of


@pytest.fixture
async def waiting() -> AsyncIterator[Waiting]:
    login = Waiting(linger=0.05)
    yield login
    await login.close()


def request(port: int, **changes: str) -> bytes:
    """The request of the browser, but for what the test changes."""
    parts = {"line": f"GET /?{OURS} HTTP/1.1", "host": f"Host: 127.0.0.1:{port}"}
    parts |= {"more": "", "body": ""} | changes
    head = [line for line in (parts["line"], parts["host"], parts["more"]) if line]
    return ("\r\n".join([*head, "", parts["body"]])).encode()


STRANGERS = {
    "another host": {"host": "Host: evil.example"},
    "another port": {"host": "Host: 127.0.0.1:1"},
    "no port": {"host": "Host: 127.0.0.1"},
    "localhost": {"host": "Host: localhost:{port}"},
    "no host": {"host": ""},
    "http/1.0": {"line": f"GET /?{OURS} HTTP/1.0"},
    "http/1.0 without host": {"line": f"GET /?{OURS} HTTP/1.0", "host": ""},
    "two hosts": {"more": "Host: evil.example"},
    "two hosts of ours": {"more": "Host: 127.0.0.1:{port}"},
    "absolute form": {"line": f"GET http://127.0.0.1:1/?{OURS} HTTP/1.1"},
    "authority form": {"line": "CONNECT 127.0.0.1:1 HTTP/1.1"},
    "asterisk form": {"line": "OPTIONS * HTTP/1.1"},
    "post": {"line": f"POST /?{OURS} HTTP/1.1", "more": "Content-Length: 0"},
    "head": {"line": f"HEAD /?{OURS} HTTP/1.1"},
    "foreign post": {
        "line": f"POST /?{OURS} HTTP/1.1",
        "more": "Origin: https://evil.example\r\nContent-Length: 0",
    },
    "foreign get": {"more": "Origin: https://evil.example"},
    "body": {"more": "Content-Length: 3", "body": "abc"},
    "chunked body": {
        "more": "Transfer-Encoding: chunked",
        "body": "3\r\nabc\r\n0\r\n\r\n",
    },
    "upgrade": {"more": "Connection: Upgrade\r\nUpgrade: websocket"},
    "long line": {"line": f"GET /?{OURS}&x={'x' * LONGEST_LINE_BYTES} HTTP/1.1"},
    "long header": {"more": f"X: {'x' * 2 * LONGEST_LINE_BYTES}"},
    "many headers": {"more": "\r\n".join(f"X-{n}: 1" for n in range(200))},
    "space in header": {"more": "X : 1"},
    "no http": {"line": f"\x16\x03\x01 {OURS}", "host": ""},
    "another path": {"line": f"GET /other?{OURS} HTTP/1.1"},
    "dots": {"line": f"GET /.././?{OURS} HTTP/1.1"},
    "no query": {"line": "GET / HTTP/1.1"},
    "empty query": {"line": "GET /? HTTP/1.1"},
    "favicon": {"line": "GET /favicon.ico HTTP/1.1"},
    "early outcome": {"line": "GET /done HTTP/1.1"},
}


@pytest.mark.parametrize("changes", STRANGERS.values(), ids=STRANGERS.keys())
async def test_a_stranger_is_shown_a_static_page_and_the_login_goes_on(
    waiting: Waiting, changes: dict[str, str]
) -> None:
    opened = await waiting.open()
    port = port_of(opened)
    changed = {k: v.replace("{port}", str(port)) for k, v in changes.items()}
    shown = await send(port, request(port, **changed))
    assert 400 <= shown.status < 500
    assert shown.body in {STRAY.body, b""}
    assert waiting.queries == []
    assert (await get(f"{opened.redirect_uri}?{OURS}")).status == 303


async def test_where_a_form_was_asked_for_a_response_in_the_address_is_not_taken(
    waiting: Waiting,
) -> None:
    opened = await waiting.open(mode=ResponseMode.FORM_POST)
    assert (await get(f"{opened.redirect_uri}?{OURS}")).status == 404
    assert waiting.queries == []
    moved = await post(opened.redirect_uri, OURS)
    assert moved.status == 303
    assert "code" not in moved.headers["location"]


async def test_a_form_whose_end_never_comes_is_answered_and_not_taken() -> None:
    async with Waiting(idle=0.05) as waiting:
        opened = await waiting.open(mode=ResponseMode.FORM_POST)
        port = port_of(opened)
        lines = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99"
        line = "POST / HTTP/1.1"
        shown = await send(port, request(port, line=line, more=lines, body=OURS))
        assert (shown.status, shown.body) == (408, STRAY.body)
        assert waiting.queries == []


async def test_a_form_that_is_no_text_is_a_stray(waiting: Waiting) -> None:
    opened = await waiting.open(mode=ResponseMode.FORM_POST)
    port = port_of(opened)
    lines = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2"
    head = request(port, line="POST / HTTP/1.1", more=lines)
    assert (await send(port, head + b"\xff\xfe")).status == 400


@pytest.mark.parametrize(
    ("query", "target"),
    [("error=%3Cscript%3Ealert(1)", "/"), ("code=forged", "/"), ("x=\xff", "/")],
)
async def test_nothing_of_a_request_comes_back(
    waiting: Waiting, query: str, target: str
) -> None:
    opened = await waiting.open()
    line = f"GET {target}?{query} HTTP/1.1"
    shown = await send(port_of(opened), request(port_of(opened), line=line))
    assert (shown.status, shown.body) == (400, STRAY.body)
    assert query not in str(shown.headers)


async def test_the_browser_is_moved_to_an_address_without_the_code(
    waiting: Waiting,
) -> None:
    opened = await waiting.open(path="/random")
    shown = await get(f"{opened.redirect_uri}?{OURS}")
    assert shown.status == 303
    assert re.fullmatch(r"/done/[\w-]{22}", shown.headers["location"])


async def test_the_outcome_has_a_path_of_its_own_whatever_the_redirect_uri(
    waiting: Waiting,
) -> None:
    waiting.ended.set_result(Outcome.SIGNED_IN)
    opened = await waiting.open(path="/done")
    moved = await get(f"{opened.redirect_uri}?{OURS}")
    assert (await follow(moved, origin_of(opened))).body == SUCCESS.body


async def test_no_two_logins_show_their_outcome_at_the_same_path(
    waiting: Waiting,
) -> None:
    paths = set()
    for _ in range(2):
        opened = await waiting.open()
        moved = await get(f"{opened.redirect_uri}?{OURS}")
        paths.add(moved.headers["location"])
    assert len(paths) == 2


async def test_a_program_that_guesses_at_the_outcome_does_not_end_the_waiting() -> None:
    waiting = Waiting(linger=60)
    opened = await waiting.open()
    moved = await get(f"{opened.redirect_uri}?{OURS}")
    waiting.ended.set_result(Outcome.SIGNED_IN)
    closing = asyncio.create_task(opened.close())
    for path in ("/done", "/done/", "/done/" + "A" * 22):
        assert (await get(origin_of(opened) + path)).body == STRAY.body
    assert not closing.done()
    assert (await follow(moved, origin_of(opened))).body == SUCCESS.body
    await closing


@pytest.mark.parametrize(
    ("outcome", "body"),
    [
        (Outcome.SIGNED_IN, SUCCESS.body),
        (Outcome.REFUSED, REFUSAL.body),
        (Outcome.FAILED, FAILURE.body),
    ],
)
async def test_the_page_says_how_it_ended(
    waiting: Waiting, outcome: Outcome, body: bytes
) -> None:
    opened = await waiting.open()
    moved = await get(f"{opened.redirect_uri}?{OURS}")
    page = asyncio.create_task(follow(moved, origin_of(opened)))
    await asyncio.sleep(0)
    waiting.ended.set_result(outcome)
    shown = await page
    assert (shown.status, shown.body) == (200, body)


async def test_every_answer_forbids_keeping_framing_and_telling(
    waiting: Waiting,
) -> None:
    opened = await waiting.open()
    for path in ("/?code=forged", f"/?{OURS}", "/favicon.ico"):
        headers = (await get(f"http://127.0.0.1:{port_of(opened)}{path}")).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["connection"] == "close"
        assert headers["server"] == "brokerd"
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "set-cookie" not in headers


async def test_the_persons_own_message_is_on_the_success_page(waiting: Waiting) -> None:
    waiting.ended.set_result(Outcome.SIGNED_IN)
    opened = await waiting.open(success_message="Back to <work>")
    moved = await get(f"{opened.redirect_uri}?{OURS}")
    shown = await follow(moved, origin_of(opened))
    assert b"Back to &lt;work&gt;" in shown.body


async def test_no_log_line_holds_anything_that_was_sent(
    waiting: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        opened = await waiting.open()
        port = port_of(opened)
        for name in ("long line", "no http", "space in header", "another host"):
            await send(port, request(port, **STRANGERS[name]))
        await get(f"{opened.redirect_uri}?{OURS}")
    assert "loopback.request.refused" in caplog.text
    assert OURS not in caplog.text
    assert "code=" not in caplog.text


@pytest.mark.parametrize("start", [b"", b"GET /", b"GET /?code=c HTTP/1.1\r\nHo"])
async def test_a_request_that_is_never_finished_is_cut_off(start: bytes) -> None:
    waiting = Waiting(idle=0.05)
    opened = await waiting.open()
    async with asyncio.timeout(10):
        assert (await send(port_of(opened), start)).status == 0
    await waiting.close()


Scenario = Callable[[Waiting], Coroutine[None, None, None]]


async def those_who_say_nothing_do_not_keep_the_browser_out(waiting: Waiting) -> None:
    opened = await waiting.open()
    port = port_of(opened)
    silent = [
        await asyncio.open_connection("127.0.0.1", port)
        for _ in range(MOST_CONNECTIONS)
    ]
    assert (await get(f"{opened.redirect_uri}?{OURS}")).status == 303
    # The one that had waited longest made room, and no other.
    assert await silent[0][0].read() == b""
    reader, writer = silent[1]
    writer.write(request(port, line="GET /favicon.ico HTTP/1.1"))
    assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
    for _, writer in silent:
        writer.close()


async def those_who_wait_for_the_outcome_keep_their_places(waiting: Waiting) -> None:
    opened = await waiting.open()
    moved = await get(f"{opened.redirect_uri}?{OURS}")
    pages = [
        asyncio.create_task(follow(moved, origin_of(opened)))
        for _ in range(MOST_CONNECTIONS)
    ]
    for _ in pages:
        await waiting.asked.acquire()
    assert (await get(f"{opened.redirect_uri}?{OURS}")).status == 0
    waiting.ended.set_result(Outcome.SIGNED_IN)
    assert {(await page).body for page in pages} == {SUCCESS.body}
    # Until the listener has seen them leave.
    while (await get(f"{opened.redirect_uri}?{OURS}")).status != 303:
        pass


@pytest.mark.parametrize(
    "loop_factory",
    [asyncio.new_event_loop, uvloop.new_event_loop],
    ids=["asyncio", "uvloop"],
)
@pytest.mark.parametrize(
    "scenario",
    [
        those_who_say_nothing_do_not_keep_the_browser_out,
        those_who_wait_for_the_outcome_keep_their_places,
    ],
    ids=lambda scenario: scenario.__name__,
)
def test_when_the_connections_are_too_many(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], scenario: Scenario
) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), Waiting(linger=0.05, idle=60) as waiting:
            await scenario(waiting)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())
