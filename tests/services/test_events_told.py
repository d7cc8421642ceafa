"""Which deeds of the services are told to whoever listens, and what is said of them."""

import pytest
from msgspec.structs import replace

from broker.model.errors import BrokerError, LoginRequiredError
from broker.model.event import Event, EventKind
from broker.model.http import HttpResponse
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.events import Subscription
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START
from tests.services.person import begun, completed
from tests.services.world import (
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NONE = Seconds(0)


def told(kind: EventKind, reason: str | None = None) -> Event:
    """An event of the one account, at the moment in which the world stands still."""
    return Event(
        kind=kind, at=START.wall, account=WORK, issuer=ISSUER.url, reason=reason
    )


async def all_of(world: World, subscription: Subscription) -> list[Event]:
    """What was told until now."""
    end = Event(kind=EventKind.SAVED, at=START.wall)
    world.events.publish(end)
    heard = []
    while (event := await subscription.get()) is not end:
        heard.append(event)
    return heard


async def test_a_renewed_token_is_told_and_one_from_memory_is_not() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    with world.events.subscribe() as listening:
        await world.tokens.token(ALL, NONE)
        await world.tokens.token(ALL, NONE)
        assert await all_of(world, listening) == [told(EventKind.TOKEN_RENEWED)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal("invalid_grant"), "invalid_grant"),
        (
            refusal("invalid_grant", error_subtype="invalid_rapt"),
            "invalid_grant: invalid_rapt",
        ),
    ],
    ids=["dead", "alive, but the person is wanted"],
)
async def test_a_grant_that_needs_the_person_is_told_with_the_reason(
    answer: HttpResponse, reason: str
) -> None:
    world = await a_world(a_grant())
    world.sender.script(answer)
    with world.events.subscribe() as listening:
        with pytest.raises(BrokerError):
            await world.tokens.token(ALL, NONE)
        assert await all_of(world, listening) == [told(EventKind.LOGIN_NEEDED, reason)]


async def test_the_end_of_a_token_that_cannot_be_renewed_is_told() -> None:
    token = AccessToken(
        value=Secret("the-only-token"),
        token_type="Bearer",
        scopes=frozenset({"drive"}),
        obtained=START,
        life=Seconds(60),
    )
    world = await a_world(replace(a_grant(refresh_token=None), access_token=token))
    await world.clock.advance(Seconds(61))
    with world.events.subscribe() as listening:
        with pytest.raises(LoginRequiredError):
            await world.tokens.token(ALL, NONE)
        (event,) = await all_of(world, listening)
    assert (event.kind, event.account) == (EventKind.LOGIN_NEEDED, WORK)


async def test_a_refusal_that_costs_no_grant_asks_for_no_login() -> None:
    world = await a_world(a_grant())
    world.sender.script(refusal("invalid_client", status=401))
    with world.events.subscribe() as listening:
        with pytest.raises(BrokerError):
            await world.tokens.token(ALL, NONE)
        heard = await all_of(world, listening)
    assert EventKind.LOGIN_NEEDED not in {event.kind for event in heard}


async def test_a_sign_in_is_told_when_it_is_saved() -> None:
    world = World(source=None)
    with world.events.subscribe() as listening:
        login = await begun(world)
        await completed(world, login, token_answer(refresh_token="refresh-1"))
        heard = await all_of(world, listening)
    assert told(EventKind.SIGNED_IN) in heard
    assert WORK in world.store.grants


@pytest.mark.parametrize("keep_sign_in", [True, False])
async def test_a_log_out_is_told(*, keep_sign_in: bool) -> None:
    world = await a_world(a_grant())
    with world.events.subscribe() as listening:
        await world.accounts.log_out(
            WORK, LogOutOptions(local_only=True, keep_sign_in=keep_sign_in)
        )
        assert await all_of(world, listening) == [told(EventKind.SIGNED_OUT)]
