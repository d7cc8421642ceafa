"""Tokens without a person: cached, renewed and told apart like any other."""

import asyncio
from dataclasses import replace

import pytest

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    IssuerUnreachableError,
    ScopeNotGrantedError,
)
from broker.model.grant import GrantState
from broker.model.secret import Secret
from broker.model.time import Seconds
from tests.fakes.clock import run_until_idle
from tests.services.robots import ROBOT, a_robot, answering
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
    with pytest.raises(ScopeNotGrantedError):
        await token(world, "admin")


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
    assert [each.issuer for each in world.tokens.outages()] == [ISSUER.url]


async def test_what_the_issuer_gives_now_is_what_is_granted() -> None:
    world = await a_world(a_robot())
    answering(world, token_answer(scope="read"))
    await token(world)
    assert world.store.grants[ROBOT].scopes == {"read"}
    assert world.store.grants[ROBOT] == replace(
        a_robot(), scopes=frozenset({"read"}), version=2
    )
