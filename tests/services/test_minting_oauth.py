"""Tokens without a person: cached, renewed and told apart like any other."""

import asyncio
import re

import pytest
from msgspec.structs import replace

from broker.model.client import ClientAuthentication
from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    ClockWrongError,
    IssuerUnreachableError,
    ScopeNotGrantedError,
    ScopeRefusedError,
)
from broker.model.grant import GrantState
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.unattended import JwtBearer
from tests.fakes.clock import run_until_idle
from tests.oauth.keys import read_jwt, signing_key
from tests.services.robots import ROBOT, SECRET, a_robot, answering
from tests.services.world import (
    ISSUER,
    World,
    a_world,
    digest,
    refusal,
    token_answer,
)

NONE = Seconds(0)
DOWN = IssuerUnreachableError(issuer=ISSUER.url, what="no route")


async def token(world: World, *scopes: str, resource: str | None = None) -> str:
    """The token that a peer gets, for the scopes that it names."""
    key = world.tokens.key(ROBOT, frozenset(scopes) or None, resource)
    return (await world.tokens.token(key, NONE)).value.reveal()


async def test_it_asks_in_its_own_name_for_the_scopes_of_the_account() -> None:
    world = await a_world(a_robot(parameters={"audience": "api"}))
    answering(world, token_answer())
    assert await token(world) == "access-1"
    assert world.sender.form() == {
        "grant_type": "client_credentials",
        "scope": "read write",
        "audience": "api",
    }
    assert world.sender.requests[-1].headers["Authorization"].startswith("Basic ")


async def test_ten_at_once_cause_one_request() -> None:
    world = await a_world(a_robot())
    asked = answering(world, token_answer())
    assert set(await asyncio.gather(*(token(world) for _ in range(10)))) == {"access-1"}
    assert len(asked) == 1


async def test_each_narrower_token_has_a_place_of_its_own_in_the_cache() -> None:
    world = await a_world(a_robot())
    asked = answering(
        world,
        token_answer("all"),
        token_answer("read", scope="read"),
        token_answer("api"),
    )
    assert [await token(world), await token(world, "read")] == ["all", "read"]
    assert await token(world, resource="https://api.example") == "api"
    assert world.sender.form()["resource"] == "https://api.example"
    again = [await token(world), await token(world, "read")]
    assert again == ["all", "read"]
    assert len(asked) == 3


async def test_nothing_is_ever_widened() -> None:
    world = await a_world(a_robot())
    with pytest.raises(ScopeNotGrantedError) as caught:
        await token(world, "admin")
    assert caught.value.unattended


async def test_a_token_in_use_is_renewed_early() -> None:
    world = await a_world(a_robot())
    asked = answering(world, token_answer("one"), token_answer("two"))
    await token(world)
    await world.clock.advance(Seconds(3200))
    await run_until_idle()
    assert len(asked) == 2
    assert await token(world) == "two"
    assert len(asked) == 2


async def test_a_token_that_an_api_refused_is_replaced() -> None:
    world = await a_world(a_robot())
    answering(world, token_answer("one"), token_answer("two"))
    await token(world)
    await world.clock.advance(Seconds(60))
    key = world.tokens.key(ROBOT, None, None)
    newer = await world.tokens.token(key, NONE, digest("one"))
    assert newer.value == Secret("two")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("invalid_client", 401, "client_rejected"),
        ("unauthorized_client", 400, "client_rejected"),
        ("invalid_grant", 400, "credential_refused"),
        ("interaction_required", 400, "credential_refused"),
        ("invalid_scope", 400, "scope_refused"),
        ("admin_policy_enforced", 400, "policy_refused"),
        ("unheard_of", 400, "credential_refused"),
        ("slow_down", 400, "issuer_overloaded"),
        ("server_error", 400, "issuer_unreachable"),
    ],
)
async def test_a_refusal_is_told_apart_and_ends_nothing(
    error: str, status: int, code: str
) -> None:
    world = await a_world(a_robot())
    answering(world, refusal(error, status=status))
    with pytest.raises(BrokerError) as raised:
        await token(world)
    assert raised.value.code == code
    kept = world.store.grants[ROBOT]
    assert (kept, kept.state) == (a_robot(), GrantState.LIVE)


async def test_a_rejected_client_is_left_in_peace_and_then_tried_again() -> None:
    world = await a_world(a_robot())
    asked = answering(world, refusal("invalid_client", status=401), token_answer())
    for _ in range(2):
        with pytest.raises(ClientRejectedError):
            await token(world)
    assert len(asked) == 1
    await world.clock.advance(Seconds(61))
    assert await token(world) == "access-1"


async def test_while_the_issuer_is_down_the_token_at_hand_is_served() -> None:
    world = await a_world(a_robot())
    answering(world, token_answer(), DOWN)
    await token(world)
    await world.clock.advance(Seconds(3400))
    await run_until_idle()
    assert await token(world) == "access-1"
    assert [each.issuer for each in world.tokens.health.outages()] == [ISSUER.url]


async def test_what_the_issuer_gives_now_is_what_is_granted() -> None:
    world = await a_world(a_robot())
    answering(world, token_answer(scope="read"))
    await token(world)
    assert world.store.grants[ROBOT].scopes == {"read"}
    assert world.store.grants[ROBOT] == replace(
        a_robot(), scopes=frozenset({"read"}), version=2
    )


SIGNING = replace(
    SECRET,
    client_secret=None,
    key=signing_key(),
    audience=ISSUER.url,
    authentication=ClientAuthentication.PRIVATE_KEY_JWT,
)
BEARER = JwtBearer(
    key=signing_key(), issuer="robot-1", subject="alice", audience="aud", claims={}
)


async def test_a_client_signs_who_it_is_each_time_anew() -> None:
    world = await a_world(a_robot(SIGNING))
    answering(world, token_answer("one"), token_answer("two"))
    await token(world)
    await token(world, "read")
    assertions = [
        read_jwt(world.sender.form(n)["client_assertion"], signing_key())[1]
        for n in range(2)
    ]
    assert [claims["sub"] for claims in assertions] == ["robot-1", "robot-1"]
    assert assertions[0]["jti"] != assertions[1]["jti"]


async def test_a_jwt_says_for_whom_the_token_is() -> None:
    world = await a_world(a_robot(unattended=BEARER))
    answering(world, token_answer())
    assert await token(world) == "access-1"
    _, claims = read_jwt(world.sender.form()["assertion"], signing_key())
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("robot-1", "alice", "aud")
    assert claims["iat"] == int(world.clock.now().wall)


@pytest.mark.parametrize(("ahead", "side"), [(400, "behind"), (-400, "ahead of")])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unheard_of"])
async def test_where_what_was_signed_is_refused_and_clocks_differ_that_is_told(
    ahead: int, side: str, error: str
) -> None:
    world = await a_world(a_robot(unattended=BEARER))
    date = UnixTime(world.clock.now().wall + ahead)
    answering(world, replace(refusal(error), date=date))
    with pytest.raises(ClockWrongError) as raised:
        await token(world)
    said = raised.value.description
    assert re.match(rf"it is (399|40[01]) s {side} the issuer's \({error}", said)
    assert world.store.grants[ROBOT].state is GrantState.LIVE


async def test_clocks_that_differ_are_no_reason_where_nothing_was_signed() -> None:
    world = await a_world(a_robot())
    date = UnixTime(world.clock.now().wall + 400)
    answering(world, replace(refusal("invalid_client", status=401), date=date))
    with pytest.raises(ClientRejectedError):
        await token(world)


async def test_a_scope_that_is_refused_is_told_as_such_whatever_the_clocks() -> None:
    world = await a_world(a_robot(SIGNING))
    date = UnixTime(world.clock.now().wall + 400)
    answering(world, replace(refusal("invalid_scope"), date=date))
    with pytest.raises(ScopeRefusedError):
        await token(world)


async def test_an_issuer_that_gives_the_same_token_again_needs_no_person() -> None:
    world = await a_world(a_robot())
    asked = answering(world, token_answer("one"))
    await token(world)
    await world.clock.advance(Seconds(60))
    key = world.tokens.key(ROBOT, None, None)
    again = await world.tokens.token(key, NONE, digest("one"))
    assert again.value == Secret("one")
    assert len(asked) == 2


@pytest.mark.parametrize("ahead", [0, 400])
async def test_what_was_refused_is_left_in_peace_and_the_token_at_hand_served(
    ahead: int,
) -> None:
    world = await a_world(a_robot(unattended=BEARER))
    date = UnixTime(world.clock.now().wall + 2400 + ahead)
    refused = replace(refusal("invalid_grant"), date=date)
    asked = answering(world, token_answer(), refused)
    await token(world)
    await world.clock.advance(Seconds(2400))
    key = world.tokens.key(ROBOT, None, None)
    for _ in range(2):
        served = await world.tokens.token(key, Seconds(1500))
        assert served.value == Secret("access-1")
    assert len(asked) == 2
