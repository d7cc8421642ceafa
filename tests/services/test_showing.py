"""What of one account is shown for a token of another one."""

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    CredentialRefusedError,
    IssuerUnreachableError,
    LoginRequiredError,
    NoIdTokenError,
    NotNarrowedError,
)
from broker.model.grant import GrantState
from broker.model.time import Seconds
from broker.oauth.token_exchange import TOKEN_TYPES
from tests.services.derived import (
    CI,
    GATEWAY,
    Both,
    a_view,
    an_exchange,
    both,
)
from tests.services.google import signed
from tests.services.world import WORK, World, a_grant, a_world, refusal, token_answer

ID_TOKEN = TOKEN_TYPES["id_token"]


def an_id_token(number: int, life: int = 300) -> str:
    return signed({"iat": 1000, "exp": 1000 + life, "jti": str(number)})


async def a_gateway(parent: AccountName = WORK) -> tuple[World, Both]:
    """An exchange that shows ID tokens of 'work', each of five minutes."""
    shows = an_exchange(subject_type=ID_TOKEN, parent=parent)
    world = await a_world(a_grant(), a_view("mail"), shows)
    issuers = both(world)
    issuers.to_refresh += [
        token_answer(f"access-{n}", id_token=an_id_token(n)) for n in range(1, 4)
    ]
    return world, issuers


async def token(world: World) -> str:
    key = world.tokens.key(GATEWAY, None, None)
    return (await world.tokens.token(key, Seconds(0))).value.reveal()


async def again(world: World) -> str:
    """Another one, as if the first had just ended."""
    key = world.tokens.key(GATEWAY, frozenset(), None)
    return (await world.tokens.token(key, Seconds(0))).value.reveal()


async def test_of_a_view_that_is_not_narrow_any_more_nothing_is_shown() -> None:
    world = await a_world(a_grant(), a_view("mail"), an_exchange(parent=CI))
    issuers = both(world)
    issuers.to_refresh.append(token_answer(scope="mail drive"))
    with pytest.raises(NotNarrowedError) as caught:
        await token(world)
    assert caught.value.account == CI
    assert issuers.shown == []


async def test_rfc8693_an_id_token_is_shown_as_one() -> None:
    world, issuers = await a_gateway()
    assert await token(world) == "exchanged-1"
    (form,) = issuers.exchanges
    assert form["subject_token_type"] == [ID_TOKEN]
    assert issuers.shown == [an_id_token(1)]


async def test_of_a_view_it_is_whose_tokens_it_gives() -> None:
    world, issuers = await a_gateway(parent=CI)
    await token(world)
    assert issuers.shown == [an_id_token(1)]


async def test_one_that_lives_is_shown_again_and_a_dying_one_is_renewed() -> None:
    world, issuers = await a_gateway()
    await token(world)
    await again(world)
    assert issuers.shown == [an_id_token(1)] * 2
    await world.clock.advance(Seconds(241))
    world.tokens.forget(GATEWAY)
    await token(world)
    assert issuers.shown[-1] == an_id_token(2)


async def test_one_that_is_refused_is_renewed_once_and_shown_again() -> None:
    world, issuers = await a_gateway()
    issuers.to_exchange += [refusal("invalid_grant"), refusal("invalid_grant")]
    with pytest.raises(CredentialRefusedError):
        await token(world)
    assert issuers.shown == [an_id_token(1), an_id_token(2)]


async def test_where_the_issuer_gives_none_that_is_said_of_the_other_account() -> None:
    world, issuers = await a_gateway()
    issuers.to_refresh.clear()
    with pytest.raises(NoIdTokenError) as caught:
        await token(world)
    assert (caught.value.account, caught.value.is_of_another) == (WORK, True)
    assert issuers.shown == []


async def test_a_dying_one_is_not_shown_where_no_newer_one_comes() -> None:
    world, issuers = await a_gateway()
    await token(world)
    issuers.to_refresh.clear()
    await world.clock.advance(Seconds(241))
    with pytest.raises(NoIdTokenError):
        await again(world)
    assert len(issuers.shown) == 1


async def test_what_ends_the_other_account_is_not_held_against_this_one() -> None:
    world, issuers = await a_gateway()
    down = IssuerUnreachableError(issuer="https://login.issuer.example", what="gone")
    issuers.to_refresh.insert(0, down)
    with pytest.raises(IssuerUnreachableError) as caught:
        await token(world)
    assert caught.value.is_of_another
    assert world.tokens.health.outage(GATEWAY) is None


async def test_of_a_grant_that_has_ended_nothing_that_is_left_is_shown() -> None:
    world, issuers = await a_gateway()
    await token(world)
    await world.grants.ended(world.grants.get(WORK), GrantState.DEAD, "revoked")
    with pytest.raises(LoginRequiredError):
        await again(world)
    assert len(issuers.shown) == 1
