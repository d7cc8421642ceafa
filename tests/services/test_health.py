"""How the issuers are. That failures and clocks are noted: test_circuit, test_skew."""

from msgspec.structs import replace

from broker.model.log_out import LogOutOptions
from broker.model.time import Seconds, UnixTime
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START
from tests.services.world import HOME, WORK, a_grant, a_world, token_answer


async def test_of_an_account_that_is_gone_nothing_is_known() -> None:
    world = await a_world(a_grant())
    assert world.tokens.health.outage(WORK) is None
    assert world.tokens.health.outage(HOME) is None


async def test_the_clock_of_an_issuer_without_an_account_is_nothing_to_tell() -> None:
    world = await a_world(a_grant())
    world.sender.script(replace(token_answer(), date=UnixTime(START.wall + 7200)))
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    assert world.tokens.health.skews() == []
