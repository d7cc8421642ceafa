"""Logins over a real Unix socket."""

import asyncio
import json

import pytest

from broker.model.time import Seconds
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.person import completed, repeated, respond
from tests.services.world import (
    METADATA,
    World,
    token_answer,
)

LOGIN = {"account": "work", "issuer": "https://issuer.example", "client_id": "c"}


async def test_a_login_goes_from_its_beginning_to_the_account(serve: Serve) -> None:
    served = await serve(World(source=None))
    served.world.sender.script(json_response(METADATA))
    begun = await served.ask("POST", "/v1/logins", LOGIN)
    assert begun.status == 201
    path = f"/v1/logins/{begun.json['id']}"
    pending = await served.ask("GET", path)
    assert pending.json["state"] == "pending"
    poll = asyncio.create_task(served.ask("GET", f"{path}?wait=60"))
    (login,) = served.world.logins._logins.values()
    await completed(served.world, login, token_answer(refresh_token="r"))
    done = await poll
    assert done.json["state"] == "complete"
    assert done.json["problem"] is None
    accounts = (await served.ask("GET", "/v1/accounts")).json["accounts"]
    assert isinstance(accounts, list)
    assert [one["account"] for one in accounts] == ["work"]


async def test_a_long_poll_ends_after_its_seconds(served: Served) -> None:
    login = await repeated(served.world)
    poll = asyncio.create_task(
        served.ask("GET", f"/v1/logins/{login.login_id}?wait=30")
    )
    while served.world.clock.sleeping < 2:
        await run_until_idle()
    await served.world.clock.advance(Seconds(30))
    assert (await poll).json["state"] == "pending"


async def test_a_failed_login_carries_its_problem(served: Served) -> None:
    login = await repeated(served.world)
    respond(served.world, login, "error=access_denied&error_description=No")
    said = await served.ask("GET", f"/v1/logins/{login.login_id}?wait=5")
    assert said.status == 200
    assert said.json["state"] == "failed"
    problem = said.json["problem"]
    assert isinstance(problem, dict)
    assert problem["code"] == "login_refused"
    assert problem["error"] == "access_denied"


async def test_a_login_is_given_up(served: Served) -> None:
    login = await repeated(served.world)
    said = await served.ask("DELETE", f"/v1/logins/{login.login_id}")
    assert (said.status, said.body) == (204, b"")
    shown = await served.ask("GET", f"/v1/logins/{login.login_id}")
    assert shown.json["state"] == "failed"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"account": "new"}, 400, "sign_in_incomplete"),
        ({**LOGIN, "issuer": "gogle"}, 502, "issuer_invalid"),
        ({**LOGIN, "issuer": "\x1b[2J"}, 502, "issuer_invalid"),
        ({**LOGIN, "redirect": {"port": 8080}}, 409, "port_in_use"),
        ({**LOGIN, "redirect": {"bind": "192.0.2.1"}}, 400, "bad_request"),
        ({**LOGIN, "redirect": {"uri": "http://evil.example/"}}, 400, "bad_request"),
        ({**LOGIN, "client_id": "\x00"}, 400, "bad_request"),
        ({**LOGIN, "parameters": {"state": "x"}}, 400, "bad_request"),
        (
            {"account": "new", "client_secrets": '{"type": "service_account"}'},
            400,
            "client_secrets_invalid",
        ),
    ],
)
async def test_a_login_that_cannot_begin_says_why(
    served: Served, body: dict[str, object], status: int, code: str
) -> None:
    served.world.listener.taken.add(8080)
    served.world.sender.answer_always(json_response(METADATA))
    said = await served.ask("POST", "/v1/logins", body)
    assert (said.status, said.code) == (status, code)
    assert str(said.json["detail"]).isprintable()
    assert all(listener.closed for listener in served.world.listener.opened)


async def test_a_login_whose_peer_has_hung_up_awaits_nobody(serve: Serve) -> None:
    served = await serve(World(source=None))
    gate = served.world.sender.hold()
    served.world.sender.script(json_response(METADATA))
    asking = asyncio.create_task(served.ask("POST", "/v1/logins", LOGIN))
    while served.world.sender.under_way == 0:
        await run_until_idle()
    asking.cancel()
    await asyncio.wait([asking])
    await run_until_idle()
    gate.set()
    while not served.world.listener.opened:
        await run_until_idle()
    await run_until_idle()
    assert served.world.logins.under_way == 0


async def test_the_address_that_a_person_pastes_ends_the_login(served: Served) -> None:
    login = await repeated(served.world)
    served.world.sender.script(token_answer(refresh_token="r-2"))
    address = f"{login.redirect_uri}?code=c&state={login.own.state.reveal()}"
    path = f"/v1/logins/{login.login_id}"
    said = await served.ask("POST", f"{path}/response", {"pasted": address})
    assert said.status == 200
    said = await served.ask("GET", f"{path}?wait=60")
    assert said.json["state"] == "complete"


async def test_what_is_no_answer_is_refused_and_the_login_goes_on(
    served: Served,
) -> None:
    login = await repeated(served.world)
    path = f"/v1/logins/{login.login_id}/response"
    for pasted in ("", "hello there", "https://example.com/?code=c"):
        said = await served.ask("POST", path, {"pasted": pasted})
        assert (said.status, said.code) == (400, "paste_refused")
    said = await served.ask("GET", "/v1/logins")
    assert json.dumps(said.json["logins"]).count(login.login_id) == 1
