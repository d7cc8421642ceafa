"""Each request that does something leaves an entry; no entry holds a secret."""

import json

import msgspec
import pytest

from broker.ipc.audit_wire import verdict_reply
from broker.ipc.recorded import QUESTIONS, ROUTES
from broker.model.audit import Result
from broker.model.peer import Socket
from broker.model.policy import Operation
from broker.model.restriction import Restriction, SocketName
from broker.model.time import UnixTime
from broker.store.audit_chain import End
from broker.store.audit_check import Fault, FaultKind, Verdict
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.world import (
    WORK,
    World,
    a_bound_grant,
    a_grant,
    a_world,
    token_answer,
)


def entries(served: Served) -> list[tuple[str, Result, str | None, str | None]]:
    found = served.world.recorder.entries
    return [(one.operation, one.result, one.account, one.code) for one in found]


async def test_a_token_is_recorded_once_whoever_answers(served: Served) -> None:
    served.world.sender.script(token_answer())
    for _ in range(2):
        assert (await served.ask("POST", "/v1/token", {})).status == 200
    assert entries(served) == 2 * [("token", Result.SERVED, "work", None)]
    (entry, _) = served.world.recorder.entries
    assert (entry.socket, entry.rule) == ("admin", "admin")
    assert entry.peer is not None
    assert entry.peer.uid == served.owner_uid


async def test_a_token_that_is_refused_is_recorded_with_the_code(
    served: Served,
) -> None:
    await served.ask("POST", "/v1/token", {"account": "nobody"})
    assert entries(served) == [
        ("token", Result.REFUSED, "nobody", "unknown_account"),
    ]


async def test_another_user_is_recorded_whatever_is_asked(serve: Serve) -> None:
    served = await serve(await a_world(a_grant()), owner_uid=12345)
    await served.ask("POST", "/v1/token", {})
    await served.ask("GET", "/v1/accounts")
    assert [entry[1:] for entry in entries(served)] == [
        (Result.DENIED, None, "not_permitted"),
        (Result.DENIED, None, "not_permitted"),
    ]
    assert served.world.recorder.entries[0].detail is not None


async def test_what_is_done_is_recorded_and_what_is_looked_at_is_not(
    served: Served,
) -> None:
    await served.ask("GET", "/v1/accounts")
    await served.ask("GET", "/v1/status")
    await served.ask("PUT", "/v1/default", {"account": "work"})
    await served.ask("DELETE", "/v1/accounts/work?local_only=true")
    await served.ask("DELETE", "/v1/accounts/work")
    await served.ask("POST", "/v1/stop")
    assert entries(served) == [
        ("account.default", Result.DONE, "work", None),
        ("account.log_out", Result.DONE, "work", None),
        ("account.log_out", Result.REFUSED, "work", "unknown_account"),
        ("daemon.stop", Result.DONE, None, None),
    ]


CI = Restriction(name=SocketName("ci"), accounts=(WORK,), made_at=UnixTime(0))


async def test_what_is_asked_where_it_is_not_for_is_recorded_by_its_name(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve(await a_world(a_grant()), restriction=CI)
    await served.ask("POST", "/v1/id-token", {})
    await served.ask("GET", "/v1/status")
    await served.ask("POST", "/v1/accounts/home/export", {"account": "home"})
    await served.ask("POST", "/v1/nowhere/access-1", {"account": "work"})
    assert [entry[0] for entry in entries(served)] == [
        "id_token",
        "GET /v1/status",
        "account.export",
        "unknown",
    ]
    for entry in served.world.recorder.entries:
        assert (entry.result, entry.code) == (Result.DENIED, "not_permitted")
        assert entry.socket == "ci"
    assert caplog.text.count("access.refused") == 3


async def test_a_token_is_refused_by_its_name_whoever_answers(serve: Serve) -> None:
    own = msgspec.structs.replace(CI, operations=frozenset({Operation.LOGIN}))
    served = await serve(await a_world(a_grant()), restriction=own)
    assert (await served.ask("POST", "/v1/token", {})).code == "not_permitted"
    assert entries(served) == [("token", Result.DENIED, None, "not_permitted")]


async def test_of_a_socket_is_recorded_which_and_whose_tokens_it_gives(
    served: Served,
) -> None:
    body = {"name": "box", "accounts": ["work"]}
    await served.ask("POST", "/v1/sockets", body)
    await served.ask("DELETE", "/v1/sockets/box")
    await served.ask("POST", "/v1/sockets", raw=b"[]")
    found = served.world.recorder.entries
    assert [(one.operation, one.account, one.detail) for one in found] == [
        ("socket.add", None, "name=box accounts=work"),
        ("socket.remove", None, "name=box"),
        ("socket.add", None, None),
    ]


async def test_a_passphrase_is_in_no_entry(serve: Serve) -> None:
    served = await serve(World(source="passphrase"))
    await served.ask("POST", "/v1/unlock", {"passphrase": "hunter2 and more"})
    (entry,) = served.world.recorder.entries
    assert entry.operation == "store.unlock"
    assert "hunter2" not in repr(entry)


async def test_who_is_served_without_naming_the_account_is_recorded_with_it(
    serve: Serve,
) -> None:
    served = await serve(await a_world(a_bound_grant()))
    digest = "0" * 64
    body = {"method": "GET", "url": "https://x.example", "access_token_sha256": digest}
    said = await served.ask("POST", "/v1/dpop-proof", body)
    assert said.json["account"] == "work"
    assert entries(served) == [("dpop_proof", Result.SERVED, "work", None)]


def about(served: Served) -> list[tuple[str, str | None, str | None]]:
    """What each entry says it was about."""
    found = served.world.recorder.entries
    return [(one.operation, one.account, one.detail) for one in found]


async def test_an_entry_says_what_it_was_about(served: Served) -> None:
    policy = {"accounts": {"work": "ask"}, "rules": [{"verdict": "deny"}]}
    await served.ask("PUT", "/v1/policy", policy)
    await served.ask("POST", "/v1/sockets", {"name": "ci", "accounts": ["work"]})
    await served.ask("DELETE", "/v1/sockets/ci")
    await served.ask("DELETE", "/v1/sockets/ci")
    assert about(served) == [
        ("policy.set", None, 'rules=[{"verdict":"deny"}] accounts={"work":"ask"}'),
        ("socket.add", None, "name=ci accounts=work"),
        ("socket.remove", None, "name=ci"),
        ("socket.remove", None, "name=ci"),
    ]
    assert entries(served)[-1][1:] == (Result.REFUSED, None, "unknown_socket")


async def test_an_answer_to_a_question_is_in_it(served: Served) -> None:
    await served.ask("PUT", "/v1/policy", {"default": "ask"})
    await served.ask("POST", "/v1/token", {"account": "work"})
    (question,) = served.world.consent.asked
    assert question.account == "work"
    assert entries(served)[-1] == ("token", Result.ASKED, "work", "consent_pending")
    await served.ask("POST", "/v1/questions/1", {"answer": "deny"})
    assert about(served)[-1] == ("consent.answer", None, "id=1")
    assert entries(served)[-1][1:] == (Result.REFUSED, None, "unknown_question")


async def test_no_member_is_in_it_that_might_be_a_secret(serve: Serve) -> None:
    served = await serve(World(source="passphrase"))
    body = {"key": "passphrase", "passphrase": "hunter2"}
    await served.ask("POST", "/v1/slots", body)
    await served.ask("POST", "/v1/unlock", {"passphrase": "hunter2", "remember": 60})
    await served.ask("POST", "/v1/backup", {"passphrase": "hunter2"})
    assert "hunter2" not in repr(served.world.recorder.entries)


def test_no_route_shows_what_might_be_a_secret() -> None:
    shown = {name for told in ROUTES.values() for name in told.shows}
    secret = ("pass", "secret", "token", "backup", "code", "pasted", "url", "response")
    assert [name for name in shown if any(word in name for word in secret)] == []


@pytest.mark.parametrize("raw", [b"[]", b"{", b"\xff", b'{"account": "../x"}', b""])
async def test_a_body_that_names_no_account_names_none_in_the_log(
    served: Served, raw: bytes
) -> None:
    await served.ask("PUT", "/v1/default", raw=raw)
    (entry,) = served.world.recorder.entries
    assert (entry.result, entry.account) == (Result.REFUSED, None)


async def test_every_route_that_does_something_has_a_name_in_the_log(
    served: Served,
) -> None:
    routes = served.routes.table(Socket(name="admin", owner_uid=0))
    doing = {
        f"{route.method} {route.path}" for route in routes if route.method != "GET"
    } - {"POST /v1/token"}
    assert doing <= ROUTES.keys() | QUESTIONS
    assert len({told.operation for told in ROUTES.values()}) == len(ROUTES)
    assert not {told.operation for told in ROUTES.values()} & {
        one.value for one in Operation
    }


async def test_there_is_nothing_to_verify_where_the_audit_is_off(
    served: Served,
) -> None:
    said = await served.ask("GET", "/v1/audit/verify")
    assert said.code == "bad_request"
    assert "switched off" in str(said.json["detail"])


def test_a_verdict_says_every_place() -> None:
    fault = Fault(kind=FaultKind.EDITED, file="audit.1.jsonl", line=7, what="w")
    verdict = Verdict(lines=6, end=End(sequence=6), torn=1, faults=(fault,))
    assert json.loads(json.dumps(verdict_reply(verdict))) == {
        "lines": 6,
        "last": 6,
        "torn": 1,
        "faults": [{"kind": "edited", "file": "audit.1.jsonl", "line": 7, "what": "w"}],
    }
