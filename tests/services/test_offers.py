"""Offers: what was served is served again until something has changed."""

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    IssuerUnreachableError,
    LoginRequiredError,
    ScopeNotGrantedError,
    ScopeRefusedError,
    UnknownAccountError,
)
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.offers import MOST_OFFERS
from broker.services.served import TokenServed, TokenWanted
from tests.services.world import (
    HOME,
    PERSON,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

ALL = TokenWanted(account=WORK)
NARROW = TokenWanted(account=WORK, scopes=frozenset({"mail"}))


@pytest.fixture
async def world() -> World:
    """With 'access-1' for WORK at hand, asked for twice already."""
    world = await a_world(a_grant(), a_grant(HOME))
    world.sender.script(token_answer())
    await world.access.token(PERSON, ALL)
    assert served(world) is served(world)
    return world


def served(world: World, wanted: TokenWanted = ALL) -> TokenServed:
    found = world.access.cached_token(PERSON, wanted)
    assert found is not None
    return found


def a_token(world: World, **changes: object) -> AccessToken:
    return replace(served(world).token, **changes)


async def test_who_asks_in_other_words_gets_an_answer_of_his_own(world: World) -> None:
    both = TokenWanted(account=WORK, scopes=frozenset({"mail", "drive"}))
    assert served(world, both) is not served(world)
    assert served(world, both).token is served(world).token


async def test_a_newer_token_is_served_at_once(world: World) -> None:
    before = served(world)
    key = world.tokens.key(WORK, None, None)
    world.tokens.remember(key, a_token(world))
    assert served(world).token is not before.token


async def test_a_token_that_was_dropped_is_not_served(world: World) -> None:
    world.tokens.forget(WORK)
    assert world.access.cached_token(PERSON, ALL) is None


async def test_a_token_is_served_until_its_life_is_too_short_and_no_longer(
    world: World,
) -> None:
    needy = TokenWanted(account=WORK, min_ttl=Seconds(600))
    assert served(world, needy) is served(world, needy)
    await world.clock.advance(Seconds(2999))
    assert served(world, needy) is served(world, needy)
    await world.clock.advance(Seconds(2))
    assert world.access.cached_token(PERSON, needy) is None
    assert served(world).account == WORK
    await world.clock.advance(Seconds(600))
    assert world.access.cached_token(PERSON, ALL) is None


async def test_a_token_that_a_suspend_made_old_is_not_served(world: World) -> None:
    await world.clock.suspend(Seconds(3601))
    assert world.access.cached_token(PERSON, ALL) is None


async def test_a_wall_clock_that_was_set_back_changes_what_is_told(
    world: World,
) -> None:
    end = served(world).token.expires_at
    assert end is not None
    world.clock.set_wall(UnixTime(world.clock.now().wall - 600))
    assert served(world).token.expires_at == end - 600


async def test_a_wall_clock_that_is_put_right_again_tells_the_true_end(
    world: World,
) -> None:
    end = served(world).token.expires_at
    await world.clock.advance(Seconds(60))
    for wrong_by in (-600, 600):
        world.clock.set_wall(UnixTime(world.clock.now().wall + wrong_by))
        assert served(world) is served(world)
    assert served(world).token.expires_at == end


async def test_a_wall_clock_that_was_set_forward_ends_a_token(world: World) -> None:
    world.clock.set_wall(UnixTime(world.clock.now().wall + 3601))
    assert world.access.cached_token(PERSON, ALL) is None


async def test_a_grant_that_has_ended_ends_what_was_offered(world: World) -> None:
    world.sender.script(refusal("invalid_grant"))
    with pytest.raises(LoginRequiredError):
        await world.access.token(PERSON, NARROW)
    with pytest.raises(LoginRequiredError):
        world.access.cached_token(PERSON, ALL)


async def test_a_grant_of_fewer_scopes_ends_what_was_offered(world: World) -> None:
    world.sender.script(token_answer("narrow"))
    await world.access.token(PERSON, NARROW)
    assert served(world, NARROW) is served(world, NARROW)
    # The grant alone: no token is dropped and none comes.
    await world.grants.signed_in(a_grant(scopes="drive"))
    with pytest.raises(ScopeNotGrantedError):
        world.access.cached_token(PERSON, NARROW)


async def test_a_grant_that_is_gone_ends_what_was_offered(world: World) -> None:
    await world.grants.forget(world.grants.get(WORK))
    with pytest.raises(UnknownAccountError):
        world.access.cached_token(PERSON, ALL)


async def test_an_outage_is_told_with_the_next_token_and_its_end_with_the_one_after(
    world: World,
) -> None:
    world.sender.script(IssuerUnreachableError(issuer="x", what="down"))
    other = TokenWanted(account=HOME)
    with pytest.raises(IssuerUnreachableError):
        await world.access.token(PERSON, other)
    assert served(world).outage is not None
    await world.clock.advance(Seconds(60))
    world.sender.script(token_answer("home"))
    await world.access.token(PERSON, other)
    assert served(world).outage is None


async def test_an_issuer_that_never_narrows_serves_the_whole_token_from_then_on(
    world: World,
) -> None:
    world.sender.script(token_answer("whole", scope="drive mail"))
    await world.access.token(PERSON, NARROW)
    assert served(world).token.value.reveal() == "whole"
    assert served(world, NARROW).extra_scopes == {"drive"}


async def test_that_an_issuer_never_narrows_counts_for_what_was_offered_before(
    world: World,
) -> None:
    world.sender.script(token_answer("narrow", scope="mail"))
    await world.access.token(PERSON, NARROW)
    assert served(world, NARROW).token.value.reveal() == "narrow"
    world.tokens._cache.give_whole(world.grants.get(WORK).account)
    assert served(world, NARROW).token.value.reveal() == "access-1"


async def test_who_names_no_account_gets_the_one_that_is_meant_now(
    world: World,
) -> None:
    world.sender.script(token_answer("home"))
    await world.access.token(PERSON, TokenWanted(account=HOME))
    for name, value in ((WORK, "access-1"), (HOME, "home")):
        await world.grants.set_default(name)
        assert served(world, TokenWanted()).token.value.reveal() == value


async def test_a_lock_leaves_none_of_it(world: World) -> None:
    offers = world.tokens.offers
    await world.vault.lock()
    assert offers.find(ALL) is None
    assert not offers._offers


async def test_whoever_asks_in_ever_other_words_is_remembered_to_a_bound(
    world: World,
) -> None:
    for seconds in range(2 * MOST_OFFERS):
        served(world, TokenWanted(account=WORK, min_ttl=Seconds(seconds)))
    assert len(world.tokens.offers._offers) == MOST_OFFERS


async def test_a_first_use_is_noted_so_that_a_token_in_use_is_renewed_ahead(
    world: World,
) -> None:
    world.sender.script(token_answer("access-2"), token_answer("access-3"))
    for value in ("access-2", "access-3"):
        await world.clock.advance(Seconds(3600 - 410))
        assert served(world).token.value.reveal() == value


async def test_an_outage_whose_end_brought_no_token_is_not_told_any_more(
    world: World,
) -> None:
    world.sender.script(IssuerUnreachableError(issuer="x", what="down"))
    with pytest.raises(IssuerUnreachableError):
        await world.access.token(PERSON, NARROW)
    assert served(world).outage is not None
    await world.clock.advance(Seconds(60))
    world.sender.script(refusal("invalid_scope"))
    with pytest.raises(ScopeRefusedError):
        await world.access.token(PERSON, NARROW)
    assert served(world).outage is None
