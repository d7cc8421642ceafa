"""The server behind the socket: who asks, how much, how long, and how it says no."""

import asyncio
import gzip
import os

import pytest

from broker.ipc import server
from broker.ipc.server import LARGEST_BODY
from broker.model.http import HttpResponse
from tests.fakes.clock import run_until_idle
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.world import a_grant, a_world, token_answer

ROUTES = [
    ("POST", "/v1/token"),
    ("POST", "/v1/logins"),
    ("GET", "/v1/logins/x"),
    ("DELETE", "/v1/logins/x"),
    ("GET", "/v1/accounts"),
    ("DELETE", "/v1/accounts/work"),
    ("POST", "/v1/accounts"),
    ("POST", "/v1/accounts/home/export"),
    ("PUT", "/v1/default"),
    ("GET", "/v1/status"),
    ("GET", "/v1/events"),
    ("POST", "/v1/store"),
    ("POST", "/v1/unlock"),
    ("POST", "/v1/stop"),
]
BODIES = {
    "/v1/logins": b'{"account":"work"}',
    "/v1/default": b'{"account":null}',
    "/v1/store": b'{"key":"plain"}',
    "/v1/unlock": b'{"passphrase":"x"}',
}


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_another_user_is_refused_on_every_route(
    serve: Serve, method: str, path: str
) -> None:
    served = await serve(await a_world(a_grant()), owner_uid=os.geteuid() + 1)
    raw = BODIES.get(path, b"{}") if method in {"POST", "PUT"} else None
    said = await served.ask(method, path, raw=raw)
    assert (said.status, said.code) == (403, "not_permitted")
    assert "work" not in said.body.decode()
    assert served.stops == 0


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", "not_found"),
        ("GET", "/v1", "not_found"),
        ("GET", "/v1/status/", "not_found"),
        ("GET", "/v1//status", "not_found"),
        ("GET", "/v1/logins/", "not_found"),
        ("POST", "/V1/token", "not_found"),
        ("DELETE", "/v1/accounts/", "not_found"),
        ("GET", "/v1/token", "method_not_allowed"),
        ("PATCH", "/v1/default", "method_not_allowed"),
        ("OPTIONS", "/v1/token", "method_not_allowed"),
        ("TRACE", "/v1/status", "method_not_allowed"),
        ("PUT", "/v1/accounts", "method_not_allowed"),
    ],
)
async def test_other_paths_and_methods_are_told_as_problems(
    served: Served, method: str, path: str, code: str
) -> None:
    said = await served.ask(method, path)
    assert said.code == code


async def test_a_method_that_is_not_allowed_names_those_that_are(
    served: Served,
) -> None:
    said = await served.ask("GET", "/v1/token")
    assert said.headers.get("Allow") == "POST"  # RFC 9110 section 15.5.6


async def test_a_body_of_the_largest_size_is_read_and_a_larger_one_is_not(
    served: Served,
) -> None:
    served.world.sender.script(token_answer())
    fits = b'{"account":"work"}'.ljust(LARGEST_BODY)
    assert (await served.ask("POST", "/v1/token", raw=fits)).status == 200
    said = await served.ask("POST", "/v1/token", raw=fits + b" ")
    assert (said.status, said.code) == (413, "too_large")


async def test_a_body_without_an_end_is_cut_off_at_the_largest_size(
    served: Served,
) -> None:
    head = b"POST /v1/token HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await served.converse(head + chunk * 5 + b"0\r\n\r\n", hang_up=True)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in answer


async def test_half_a_body_is_not_awaited_for_ever(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.01)
    reader, writer = await asyncio.open_unix_connection(str(served.path))
    writer.write(b"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(10):  # a server that waits on would hang the suite
        head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/v1/token", "/v1/status", "/nowhere"])
async def test_an_expectation_that_nobody_meets_is_a_bad_request(
    served: Served, path: str
) -> None:
    said = await served.ask("POST", path, {}, headers={"Expect": "c4n4ry"})
    assert (said.status, said.code) == (400, "bad_request")
    assert b"c4n4ry" not in said.body


async def test_a_body_is_read_as_it_came_whatever_its_encoding_is_called(
    served: Served,
) -> None:
    served.world.sender.script(token_answer())
    gzipped = {"Content-Encoding": "gzip"}
    plain = await served.ask("POST", "/v1/token", raw=b"{}", headers=gzipped)
    assert plain.status == 200
    body = gzip.compress(b"{}")
    said = await served.ask("POST", "/v1/token", raw=body, headers=gzipped)
    assert (said.status, said.code) == (400, "bad_request")


async def test_curl_may_ask_whether_to_go_on(served: Served) -> None:
    served.world.sender.script(token_answer())
    answer = await served.converse(
        b"POST /v1/token HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\n"
        b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert answer.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 OK" in answer


def _our_bug(_: object) -> HttpResponse:
    raise RuntimeError("our bug")


async def test_a_bug_of_ours_is_an_internal_error_and_logged_by_its_path(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.world.sender.script(_our_bug)
    said = await served.ask("POST", "/v1/token", {"account": "work"})
    assert (said.status, said.code) == (500, "internal_error")
    assert b"our bug" not in said.body
    assert "request.failed path=/v1/token\n" in caplog.text


async def test_a_bug_of_ours_is_logged_without_the_names_in_its_path(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.world.logins, "find", _our_bug)
    said = await served.ask("GET", "/v1/logins/c4n4ry?wait=1")
    assert (said.status, said.code) == (500, "internal_error")
    assert "request.failed path=/v1/logins/{id}\n" in caplog.text
    assert "c4n4ry" not in caplog.text


async def test_no_request_that_succeeds_or_fails_logs_what_it_brought(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    served.world.sender.script(token_answer("c4n4ry"))
    assert (await served.ask("POST", "/v1/token", {})).status == 200
    bodies = {
        "account": "a",
        "client_id": "c",
        "client_secret": "c4n4ry",
        "x": "c4n4ry",
    }
    await served.ask("POST", "/v1/logins", bodies)
    await served.ask("POST", "/v1/unlock", {"passphrase": "c4n4ry"})
    await served.ask("GET", "/v1/status?x=c4n4ry", headers={"X": "c4n4ry"})
    assert "c4n4ry" not in caplog.text


async def test_one_connection_serves_one_request_after_the_other(
    served: Served,
) -> None:
    one = b"GET /v1/status HTTP/1.1\r\nHost: b\r\n\r\n"
    last = b"GET /v1/status HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"
    answer = await served.converse(one * 3 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 4


async def test_closing_answers_a_request_that_is_under_way(served: Served) -> None:
    gate = served.world.sender.hold()
    served.world.sender.script(token_answer())
    asking = asyncio.create_task(served.ask("POST", "/v1/token", {}))
    while not served.world.sender.requests:
        await run_until_idle()
    closing = asyncio.create_task(served.server.close())
    await run_until_idle()
    gate.set()
    assert (await asking).status == 200
    await closing
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_unix_connection(str(served.path))
