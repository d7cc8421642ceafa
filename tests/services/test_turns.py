"""Turns: one at a time for each account. What else they promise: test_tokens_down."""

import gc
from weakref import ref

import pytest

from broker.model.errors import IssuerUnreachableError, LoginRequiredError
from broker.services.served import TokenWanted
from tests.services.world import HOME, PERSON, WORK, a_grant, a_world, token_answer


async def test_an_account_has_one_turn_for_all_who_stand_in_line() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    async with world.tokens.turn(WORK):
        assert world.tokens.turn(WORK).locked()
        assert not world.tokens.turn(HOME).locked()


async def test_nothing_is_kept_of_a_turn_that_nobody_wants() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    key = world.tokens.key(WORK, None, None)
    kept = ref(world.tokens.turn(WORK))
    asked = world.tokens._turns.begin(key, None)
    await asked
    del asked
    gc.collect()
    assert kept() is None
    assert not world.tokens._turns._turns


async def test_who_has_nothing_to_renew_is_not_told_of_an_outage() -> None:
    """There is no use in waiting for its end: only the person can help."""
    world = await a_world(a_grant(), a_grant(HOME, refresh_token=None))
    world.sender.script(IssuerUnreachableError(issuer="x", what="down"))
    with pytest.raises(IssuerUnreachableError):
        await world.access.token(PERSON, TokenWanted(account=WORK))
    with pytest.raises(LoginRequiredError):
        await world.access.token(PERSON, TokenWanted(account=HOME))


async def test_the_refresh_token_that_is_sent_is_the_one_on_the_disk() -> None:
    """It may be newer: of a save that was made and reported as failed."""
    world = await a_world(a_grant())
    world.grants.get(WORK)
    world.store.grants[WORK] = a_grant(refresh_token="refresh-2", version=2)
    world.sender.script(token_answer())
    await world.access.token(PERSON, TokenWanted(account=WORK))
    assert world.sender.form()["refresh_token"] == "refresh-2"
