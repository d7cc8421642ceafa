"""How the issuers are. That failures and clocks are noted: test_circuit, test_skew."""

import pytest
from msgspec.structs import replace

from broker.model.errors import ClientRejectedError
from broker.model.log_out import LogOutOptions
from broker.model.time import Seconds, UnixTime
from broker.services.served import TokenWanted
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START
from tests.services.world import (
    CLIENT,
    HOME,
    ISSUER,
    PERSON,
    WORK,
    a_grant,
    a_world,
    refusal,
    token_answer,
)


async def test_of_an_account_that_is_gone_nothing_is_known() -> None:
    world = await a_world(a_grant())
    assert world.tokens.health.outage(WORK) is None
    assert world.tokens.health.outage(HOME) is None


async def test_a_client_that_an_issuer_does_not_accept_is_told_once() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    rejected = refusal("invalid_client", error_description="deleted")
    world.sender.script(rejected, rejected, token_answer())
    health, found = world.tokens.health, []
    for account in (WORK, HOME):
        with pytest.raises(ClientRejectedError):
            await world.access.token(PERSON, TokenWanted(account=account))
        found += health.rejected_clients()
        await world.clock.advance(Seconds(120))
    first, again = found
    assert (first.issuer, first.client_id) == (ISSUER.url, CLIENT.client_id)
    assert first.reason == "invalid_client: deleted"
    assert first.since == again.since == START.wall
    assert START.wall + 30 <= first.until <= START.wall + 60
    assert health.outages() == []
    await world.access.token(PERSON, TokenWanted(account=WORK))
    assert health.rejected_clients() == []


async def test_a_client_without_an_account_is_nothing_to_tell() -> None:
    world = await a_world(a_grant())
    world.sender.script(refusal("invalid_client"))
    with pytest.raises(ClientRejectedError):
        await world.access.token(PERSON, TokenWanted(account=WORK))
    await world.grants.forget(world.grants.get(WORK))
    assert world.tokens.health.rejected_clients() == []


async def test_the_clock_of_an_issuer_without_an_account_is_nothing_to_tell() -> None:
    world = await a_world(a_grant())
    world.sender.script(replace(token_answer(), date=UnixTime(START.wall + 7200)))
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    assert world.tokens.health.skews() == []
