"""`POST /v1/token` over a real Unix socket."""

import asyncio

import pytest

from broker.model.errors import BrokerError, IssuerUnreachableError
from broker.model.http import HttpResponse
from broker.model.time import Seconds
from tests.fakes.clock import run_until_idle
from tests.ipc.asks import asks
from tests.ipc.served import Served
from tests.services.world import digest, refusal, token_answer


async def test_a_token_is_answered_in_json(served: Served) -> None:
    served.world.sender.script(token_answer())
    said = await served.ask("POST", "/v1/token", {})
    assert said.status == 200
    assert said.kind == "application/json"
    assert said.json == {
        "access_token": "access-1",
        "token_type": "Bearer",
        "expires_at": served.world.clock.now().wall + 3600,
        "scopes": ["drive", "mail"],
        "account": "work",
    }


@pytest.mark.parametrize("accept", ["text/plain", "text/plain; charset=utf-8"])
async def test_a_shell_gets_the_bare_token(served: Served, accept: str) -> None:
    served.world.sender.script(token_answer())
    said = await served.ask("POST", "/v1/token", {}, headers={"Accept": accept})
    assert said.kind == "text/plain"
    assert said.body == b"access-1"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
async def test_everyone_else_gets_json(served: Served, accept: str) -> None:
    served.world.sender.script(token_answer())
    said = await served.ask("POST", "/v1/token", {}, headers={"Accept": accept})
    assert said.kind == "application/json"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/x", "%%"]
)
async def test_json_is_read_whatever_content_type_says(
    served: Served, kind: str
) -> None:
    served.world.sender.script(token_answer())
    said = await served.ask(
        "POST", "/v1/token", raw=b'{"account":"work"}', headers={"Content-Type": kind}
    )
    assert said.status == 200


async def test_ten_peers_at_once_cause_one_request_to_the_issuer(
    served: Served,
) -> None:
    served.world.sender.script(token_answer())
    asked = (served.ask("POST", "/v1/token", {}) for _ in range(10))
    assert {said.status for said in await asyncio.gather(*asked)} == {200}
    assert len(served.world.sender.requests) == 1


async def test_a_peer_that_hangs_up_leaves_the_refresh_running(served: Served) -> None:
    gate = served.world.sender.hold()
    served.world.sender.script(token_answer(refresh_token="refresh-2"))
    request = b"POST /v1/token HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}"
    _, writer = await asyncio.open_unix_connection(str(served.path))
    writer.write(request)
    while not served.world.sender.requests:
        await run_until_idle()
    writer.transport.abort()
    await run_until_idle()
    gate.set()
    while served.world.store.saves == 0:
        await run_until_idle()
    assert (await served.ask("POST", "/v1/token", {})).status == 200
    assert len(served.world.sender.requests) == 1


async def test_a_rejected_token_brings_another_one(served: Served) -> None:
    served.world.sender.script(token_answer("access-1"), token_answer("access-2"))
    await served.ask("POST", "/v1/token", {})
    await served.world.clock.advance(Seconds(60))
    said = await served.ask("POST", "/v1/token", {"rejected": digest("access-1")})
    assert said.json["access_token"] == "access-2"


FAILS: list[tuple[HttpResponse | BrokerError, int, str]] = [
    (refusal("invalid_grant"), 409, "login_required"),
    (
        refusal("invalid_grant", error_subtype="invalid_rapt"),
        409,
        "reauthentication_required",
    ),
    (refusal("invalid_client", 401), 502, "client_rejected"),
    (refusal("invalid_scope"), 403, "scope_refused"),
    (refusal("org_internal", 403), 403, "policy_refused"),
    (refusal("invalid_request"), 502, "refresh_refused"),
    (HttpResponse(status=200, body=b"<html>"), 502, "issuer_malformed"),
    (IssuerUnreachableError(issuer="x", what="cut"), 502, "issuer_unreachable"),
    (HttpResponse(status=503), 503, "issuer_overloaded"),
]


@pytest.mark.parametrize(("answer", "status", "code"), FAILS)
async def test_what_the_issuer_refuses_is_told_with_a_code_and_a_hint(
    served: Served, answer: HttpResponse | BrokerError, status: int, code: str
) -> None:
    served.world.sender.script(answer)
    said = await served.ask("POST", "/v1/token", {}, headers={"Accept": "text/plain"})
    assert (said.status, said.code) == (status, code)
    assert said.json["hint"]


async def test_an_overloaded_issuers_wish_is_passed_on(served: Served) -> None:
    later = HttpResponse(status=429, headers={"retry-after": "30"})
    served.world.sender.script(later)
    said = await served.ask("POST", "/v1/token", {})
    assert said.headers["Retry-After"] == "30"
    assert said.json["retry_after"] == 30


async def test_a_full_disk_costs_no_token_and_status_tells_it(served: Served) -> None:
    served.world.store.fail_next_save(100)
    served.world.sender.script(token_answer(refresh_token="refresh-2"))
    assert (await served.ask("POST", "/v1/token", {})).status == 200
    status = (await served.ask("GET", "/v1/status")).json
    degraded = status["degraded"]
    assert isinstance(degraded, dict)
    assert degraded["unsaved"] == ["work"]
    assert degraded["what"] == "the disk is full"


async def test_hostile_words_of_an_issuer_reach_nobody_raw(served: Served) -> None:
    words = "\x1b]8;;http://evil\x07\u202e\n\x9b2J"
    served.world.sender.script(refusal("invalid_grant", error_description=words))
    said = await served.ask("POST", "/v1/token", {})
    assert said.code == "login_required"
    assert all(str(text).isprintable() for text in said.json.values())


async def test_a_bare_token_that_can_do_more_than_was_asked_says_so(
    served: Served,
) -> None:
    served.world.sender.answer_always(token_answer(scope="drive mail"))
    bare = {"Accept": "text/plain"}
    for scopes, extra in ((["mail"], "drive"), (["drive", "mail"], None)):
        said = await served.ask("POST", "/v1/token", {"scopes": scopes}, headers=bare)
        assert said.body == b"access-1"
        assert said.headers.get("Extra-Scopes") == extra


async def test_while_an_issuer_is_down_nobody_waits_for_it(served: Served) -> None:
    served.world.sender.script(IssuerUnreachableError(issuer="x", what="cut"))
    for _ in range(3):
        said = await served.ask("POST", "/v1/token", {})
        assert (said.status, said.code) == (502, "issuer_unreachable")
        assert said.headers["Retry-After"] in ("1", "2")
    assert len(served.world.sender.requests) == 1


async def test_whoever_hangs_up_while_the_person_is_asked_waits_no_more(
    served: Served,
) -> None:
    policy = {"rules": [], "accounts": {}, "default": "ask"}
    assert (await served.ask("PUT", "/v1/policy", policy)).status == 200
    person = served.world.consent
    person.is_away = True
    _, writer = await asyncio.open_unix_connection(str(served.path))
    writer.write(asks())
    await person.begun.wait()
    writer.close()
    for _ in range(1000):
        if person.waiting == 0:
            break
        await served.ask("GET", "/v1/status")
    assert person.waiting == 0
