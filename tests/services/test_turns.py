"""Turns: one at a time for each account. What else they promise: test_tokens_down."""

import gc
from weakref import ref

from tests.services.world import HOME, WORK, a_grant, a_world, token_answer


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
