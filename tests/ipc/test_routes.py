"""Accounts, store and daemon over a real Unix socket."""

import asyncio
from itertools import pairwise

import pytest
import yaml
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import StoreCorruptError
from broker.model.grant import GrantState
from broker.model.http import HttpResponse
from broker.services.opened import READ_AT_ONCE
from tests.fakes.clock import run_until_idle
from tests.fakes.store import MemoryStore
from tests.fakes.vectors import FOLDER
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.person import repeated, respond
from tests.services.world import (
    HOME,
    WORK,
    World,
    a_grant,
    a_world,
    token_answer,
)

LOGIN = {"account": "work", "issuer": "https://issuer.example", "client_id": "c"}


# --- logins ------------------------------------------------------------------------


async def test_accounts_tell_state_and_default(serve: Serve) -> None:
    dead = replace(a_grant(HOME), state=GrantState.DEAD, ended_because="revoked")
    served = await serve(await a_world(a_grant(), dead))
    assert (await served.ask("PUT", "/v1/default", {"account": "work"})).json == {
        "default": "work"
    }
    listed = (await served.ask("GET", "/v1/accounts")).json
    assert listed["default"] == "work"
    accounts = listed["accounts"]
    assert isinstance(accounts, list)
    assert [(a["account"], a["state"], a["default"]) for a in accounts] == [
        ("home", "dead", False),
        ("work", "live", True),
    ]
    assert "refresh-1" not in str(listed)


async def test_a_log_out_over_the_wire(served: Served) -> None:
    served.world.sender.script(HttpResponse(status=200))
    said = await served.ask("DELETE", "/v1/accounts/work")
    assert said.json == {
        "account": "work",
        "revoked": True,
        "pending": False,
        "left": [],
        "end_session_url": None,
    }
    again = await served.ask("DELETE", "/v1/accounts/work")
    assert (again.status, again.code) == (404, "unknown_account")


async def test_what_an_issuer_did_not_revoke_is_listed_beside_the_accounts(
    served: Served,
) -> None:
    served.world.sender.script(HttpResponse(status=503))
    said = await served.ask("DELETE", "/v1/accounts/work")
    assert (said.json["revoked"], said.json["pending"]) == (False, True)
    listed = (await served.ask("GET", "/v1/accounts")).json
    leaving = listed["leaving"]
    assert isinstance(leaving, list)
    (left,) = leaving
    assert (left["account"], left["reason"]) == ("work", "HTTP status 503")
    assert left["next_try"] > left["since"]
    assert "refresh-1" not in str(listed)


async def test_a_log_out_that_must_be_revoked_is_nothing_where_it_is_not(
    served: Served,
) -> None:
    served.world.sender.script(HttpResponse(status=503))
    path = "/v1/accounts/work?require_revoked=true"
    said = await served.ask("DELETE", path)
    assert (said.status, said.code) == (502, "not_revoked")
    assert WORK in served.world.store.grants
    both = await served.ask("DELETE", f"{path}&local_only=true")
    assert (both.status, both.code) == (400, "bad_request")


@pytest.mark.parametrize(
    "path", ["/v1/accounts/a%2Fb", "/v1/accounts/%00", "/v1/accounts/-x"]
)
async def test_a_name_in_a_path_is_checked_like_every_name(
    served: Served, path: str
) -> None:
    said = await served.ask("DELETE", path)
    assert said.status in {400, 404}
    assert said.code in {"bad_request", "not_found"}


async def test_a_name_with_signs_is_found_by_its_path(serve: Serve) -> None:
    name = AccountName("a.b+c_d-e@example.com")
    served = await serve(await a_world(a_grant(name)))
    for spelled in ("a.b+c_d-e@example.com", "a.b%2Bc_d-e%40example.com"):
        path = f"/v1/accounts/{spelled}?local_only=true&keep_sign_in=true"
        assert (await served.ask("DELETE", path)).json["account"] == name


async def test_before_the_first_login_there_is_an_empty_list_and_no_default(
    serve: Serve,
) -> None:
    served = await serve(World(source=None))
    listed = await served.ask("GET", "/v1/accounts")
    assert listed.json == {"accounts": [], "default": None, "leaving": []}
    none = await served.ask("PUT", "/v1/default", {"account": None})
    assert none.json == {"default": None}
    for method, path, body in (
        ("PUT", "/v1/default", {"account": "work"}),
        ("DELETE", "/v1/accounts/work", None),
        ("POST", "/v1/token", {"account": "work"}),
    ):
        said = await served.ask(method, path, body)
        assert (said.status, said.code) == (404, "unknown_account")


async def begin_of(served: Served, path: str) -> bytes:
    """What comes of the answer first."""
    async with served.session.get(path) as reply:
        return await reply.content.readany()


@pytest.mark.parametrize(
    "path", ["/v1/status", "/v1/accounts", "/v1/doctor", "/v1/events"]
)
async def test_who_asks_of_all_accounts_waits_until_they_are_read_and_nobody_else(
    serve: Serve, path: str
) -> None:
    many = [a_grant(AccountName(f"a{n}")) for n in range(200 * READ_AT_ONCE)]
    served = await serve(World(store=MemoryStore(*many)))
    await served.world.vault.open_at_start()
    asking = asyncio.create_task(begin_of(served, path), name="asks")
    left = [len(many) - READ_AT_ONCE]
    while not asking.done():
        await asyncio.sleep(0)
        left.append(len(served.world.store.listed))
    assert max(before - after for before, after in pairwise(left)) == READ_AT_ONCE
    assert left[-1] == 0
    assert await asking


async def test_status_of_a_store_that_is_corrupt_is_one_that_the_contract_knows(
    serve: Serve,
) -> None:
    world = World(store=MemoryStore(a_grant()))
    world.door.fault = StoreCorruptError(path="/x/store.db", what="not a store")
    await world.vault.open_at_start()
    served = await serve(world)
    status = (await served.ask("GET", "/v1/status")).json
    described = yaml.safe_load((FOLDER.parent / "openapi.yaml").read_text())
    schema = described["components"]["schemas"]["Status"]["properties"]["store"]
    assert status["store"] in schema["enum"]
    said = await served.ask("POST", "/v1/token", {"account": WORK})
    assert (said.status, said.code) == (500, "store_corrupt")


async def test_a_stop_is_answered_before_it_happens(served: Served) -> None:
    said = await served.ask("POST", "/v1/stop")
    assert (said.status, said.json) == (202, {})
    assert served.stops == 1


# --- what happens at once ----------------------------------------------------------


async def test_a_log_out_ends_the_login_that_still_awaits_the_browser(
    serve: Serve,
) -> None:
    served = await serve(await a_world(a_grant()))
    login = await repeated(served.world)
    served.world.sender.script(HttpResponse(status=200))
    assert (await served.ask("DELETE", "/v1/accounts/work")).status == 200
    assert login.has_ended
    assert served.world.listener.last.closed


async def test_a_log_out_is_not_undone_by_a_login_that_has_its_code(
    serve: Serve,
) -> None:
    served = await serve(await a_world(a_grant()))
    login = await repeated(served.world)
    gate = served.world.sender.hold()
    served.world.sender.script(
        token_answer(refresh_token="of-login"),
        HttpResponse(status=200),
        HttpResponse(status=200),
    )
    respond(served.world, login)
    await run_until_idle()
    leaving = asyncio.create_task(served.ask("DELETE", "/v1/accounts/work"))
    gate.set()
    assert (await leaving).status == 200
    assert login.has_ended
    assert WORK not in served.world.store.grants
