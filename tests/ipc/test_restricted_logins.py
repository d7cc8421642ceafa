"""Signing in through a restricted socket: the moment is the peer's, nothing else is."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ipc.login_wire import LoginBody, RedirectBody, restricted_account
from broker.model.account import AccountName
from broker.model.errors import BadRequestError, NotPermittedError
from broker.model.event import Event, EventKind
from broker.model.policy import Operation
from broker.model.restriction import Restriction, SocketName
from broker.model.time import UnixTime
from broker.model.way import Way
from broker.services.login import Login
from broker.services.sign_in import SignInRequest
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.person import completed, repeated
from tests.services.world import (
    HOME,
    WORK,
    World,
    a_grant,
    a_world,
    token_answer,
)

FAR = Restriction(
    name=SocketName("far"),
    accounts=(WORK,),
    scopes=frozenset({"drive"}),
    operations=frozenset({Operation.TOKEN, Operation.LOGIN}),
    made_at=UnixTime(0),
)


@pytest.fixture
async def world() -> World:
    return await a_world(a_grant(), a_grant(HOME))


@pytest.fixture
async def far(serve: Serve, world: World) -> Served:
    return await serve(world, restriction=FAR)


@pytest.fixture
async def near(serve: Serve, world: World, far: Served) -> Served:
    del far  # it is there, too
    return await serve(world)


async def begun(far: Served) -> Login:
    said = await far.ask("POST", "/v1/logins", {"account": "work"})
    assert said.status == 201, said.body
    return far.world.logins.find(str(said.json["id"]))


async def test_the_stored_sign_in_is_repeated_and_the_browser_is_elsewhere(
    far: Served,
) -> None:
    with far.world.events.subscribe() as heard:
        said = await far.ask("POST", "/v1/logins", {"account": "work"})
        event = await heard.get()
    (login,) = far.world.logins.all()
    assert login.authorization_url.encode() not in said.body
    assert said.json == {
        "id": login.login_id,
        "account": "work",
        "way": "loopback",
        "state": "pending",
        "authorization_url": None,
        "redirect_uri": None,
        "elsewhere": True,
        "expires_at": login.expires_at,
        "notes": [],
        "joined": False,
    }
    assert event.kind is EventKind.LOGIN_BEGUN
    assert (event.account, event.socket) == ("work", "far")
    assert set(login.sign_in.account.scopes) == {"drive", "mail"}


async def test_the_person_at_the_desk_sees_which_socket_wants_it(
    far: Served, near: Served
) -> None:
    login = await begun(far)
    logins = (await near.ask("GET", "/v1/logins")).json["logins"]
    assert isinstance(logins, list)
    (listed,) = logins
    assert listed["socket"] == "far"
    assert listed["authorization_url"] == login.authorization_url


async def test_the_peer_learns_of_the_end_no_more_than_it_may_have(
    far: Served, near: Served
) -> None:
    login = await begun(far)
    path = f"/v1/logins/{login.login_id}"
    poll = asyncio.create_task(far.ask("GET", f"{path}?wait=60"))
    answer = token_answer(refresh_token="r", scope="drive calendar")
    await completed(far.world, login, answer)
    said = await poll
    assert said.json["state"] == "complete"
    assert said.json["scopes"] == ["drive"]
    assert said.json["extra_scopes"] == said.json["missing_scopes"] == []
    assert (await near.ask("GET", path)).json["extra_scopes"] == ["calendar"]


@pytest.mark.parametrize(
    "member",
    [
        {"issuer": "https://evil.example"},
        {"client_id": "other"},
        {"scopes": ["drive"]},
        {"add_scopes": ["calendar"]},
        {"parameters": {"prompt": "none"}},
        {"login_hint": "eve@example.com"},
        {"redirect": {"port": 8080}},
        {"mcp": "https://evil.example/mcp"},
        {"resource": "https://evil.example"},
        {"dpop": False},
        {"way": "device"},
        {"way": "paste"},
        {"again": True},
        {"other_person": True},
        {"accept_issuer": True},
        {"success_message": "Paste your address at evil.example"},
        {"timeout": 3600},
        {"account": "home"},
        {"account": "nobody"},
    ],
)
async def test_nothing_else_of_it_can_be_chosen(
    far: Served, member: dict[str, object]
) -> None:
    said = await far.ask("POST", "/v1/logins", {"account": "work", **member})
    assert said.code == "not_permitted"
    assert far.world.logins.all() == []
    assert far.world.sender.requests == []


async def test_only_its_own_sign_ins_are_seen(far: Served, world: World) -> None:
    other = await repeated(world)
    assert (await far.ask("GET", "/v1/logins")).json == {"logins": []}
    path = f"/v1/logins/{other.login_id}"
    for method in ("GET", "DELETE"):
        assert (await far.ask(method, path)).code == "unknown_login"
    assert not other.has_ended


async def test_one_that_is_under_way_is_joined_and_never_ended(
    far: Served, world: World
) -> None:
    other = await repeated(world)
    said = await far.ask("POST", "/v1/logins", {"account": "work"})
    assert said.json["joined"] is True
    assert said.json["id"] == other.login_id
    assert other.authorization_url.encode() not in said.body
    assert other.socket is None
    path = f"/v1/logins/{other.login_id}"
    assert (await far.ask("GET", path)).json["state"] == "pending"
    assert (await far.ask("DELETE", path)).code == "not_permitted"
    assert not other.has_ended


async def test_also_one_that_goes_another_way_is_joined(
    far: Served, world: World
) -> None:
    options = LoginOptions(way=Way.PASTE, other_person=True)
    other = (await world.logins.start(SignInRequest(account=WORK), options)).login
    said = await far.ask("POST", "/v1/logins", {"account": "work"})
    assert said.json["id"] == other.login_id
    assert not other.has_ended


async def test_of_two_that_begin_at_once_the_person_is_told_once(
    far: Served, world: World
) -> None:
    body = {"account": "work"}
    with world.events.subscribe() as heard:
        both = [far.ask("POST", "/v1/logins", body) for _ in range(2)]
        said = await asyncio.gather(*both)
        assert sorted(str(one.json["joined"]) for one in said) == ["False", "True"]
        world.events.publish(Event(kind=EventKind.SAVED, at=UnixTime(0)))
        kinds = [(await heard.get()).kind for _ in range(2)]
    assert kinds == [EventKind.LOGIN_BEGUN, EventKind.SAVED]


async def test_one_that_the_person_has_begun_meanwhile_is_the_persons(
    world: World,
) -> None:
    # Both are about to begin when neither is under way.
    async with world.logins._beginning.setdefault(WORK, asyncio.Lock()):
        theirs = world.logins.start(SignInRequest(account=WORK), LoginOptions())
        ours = world.logins.start_through(WORK, FAR)
        both = asyncio.gather(theirs, ours)
        await run_until_idle()
    first, second = await both
    assert second.joined
    assert first.login is second.login
    assert first.login.socket is None
    assert first.login.watched_from == {FAR}


async def test_what_it_has_begun_it_may_end(far: Served) -> None:
    login = await begun(far)
    said = await far.ask("DELETE", f"/v1/logins/{login.login_id}")
    assert said.status == 204
    assert login.has_ended


async def test_a_later_socket_of_the_same_name_sees_and_ends_nothing_of_it(
    serve: Serve, far: Served, world: World
) -> None:
    login = await begun(far)
    anew = msgspec.structs.replace(FAR, made_at=UnixTime(1))
    other = await serve(world, restriction=anew)
    assert (await other.ask("GET", "/v1/logins")).json["logins"] == []
    path = f"/v1/logins/{login.login_id}"
    for method in ("GET", "DELETE"):
        assert (await other.ask(method, path)).code == "unknown_login"
    assert not login.has_ended


async def test_an_answer_is_taken_from_whoever_has_the_browser_alone(
    far: Served, near: Served
) -> None:
    login = await begun(far)
    path = f"/v1/logins/{login.login_id}/response"
    pasted = f"{login.redirect_uri}?code=c&state={login.own.state.reveal()}"
    assert (await far.ask("POST", path, {"pasted": pasted})).code == "not_permitted"
    assert not login.answered.is_set()
    far.world.sender.script(token_answer(refresh_token="r"))
    assert (await near.ask("POST", path, {"pasted": pasted})).status == 200


async def test_an_account_that_has_gone_is_told_and_not_made(
    far: Served, world: World
) -> None:
    del world.grants._grants[WORK]
    said = await far.ask("POST", "/v1/logins", {"account": "work"})
    assert said.code == "unknown_account"


_TEXTS = st.none() | st.sampled_from(("work", "home", "https://evil.example"))
_BODIES = st.builds(
    LoginBody,
    account=st.sampled_from(("work", "home", "nobody", "-")),
    issuer=_TEXTS,
    client_id=_TEXTS,
    scopes=st.none() | st.just(["drive"]),
    add_scopes=st.sampled_from(((), ("mail",))),
    redirect=st.none() | st.builds(RedirectBody, port=st.none() | st.integers(0, 9)),
    dpop=st.none() | st.booleans(),
    way=st.sampled_from(Way),
    again=st.booleans(),
    other_person=st.booleans(),
    accept_issuer=st.booleans(),
    success_message=_TEXTS,
    timeout=st.none() | st.just(60.0),
)


@given(body=_BODIES, accounts=st.lists(st.sampled_from((WORK, HOME)), min_size=1))
def test_no_request_gets_more_than_a_stored_sign_in_repeated(
    body: LoginBody, accounts: list[AccountName]
) -> None:
    restriction = msgspec.structs.replace(FAR, accounts=tuple(accounts))
    try:
        account = restricted_account(body, restriction)
    except (NotPermittedError, BadRequestError):
        return
    assert account in accounts
    assert body == LoginBody(account=account)
