"""Tokens that are had for another account's token (RFC 8693)."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client, ClientAuthentication
from broker.model.errors import (
    BrokerError,
    ClockWrongError,
    CredentialRefusedError,
    IssuerMalformedError,
    IssuerUnreachableError,
    LoginRequiredError,
)
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import NOT_APPLICABLE
from broker.oauth.private_keys import parse_private_key
from broker.oauth.token_exchange import TOKEN_TYPES
from tests.fakes.clock import run_until_idle
from tests.oauth.keys import p256, pem
from tests.services.derived import (
    CI,
    GATEWAY,
    STS,
    a_view,
    an_exchange,
    both,
    exchanged,
    soon,
)
from tests.services.world import (
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

SECOND = AccountName("second")
DOWN = IssuerUnreachableError(issuer="https://login.issuer.example", what="no route")


async def token(
    world: World, *scopes: str, account: AccountName = GATEWAY, min_ttl: float = 0
) -> str:
    key = world.tokens.key(account, frozenset(scopes) or None, None)
    return (await world.tokens.token(key, Seconds(min_ttl))).value.reveal()


async def test_the_parents_token_is_shown_for_it() -> None:
    world = await a_world(a_grant(), an_exchange(audiences=("orders", "stock")))
    issuers = both(world)
    assert await token(world) == "exchanged-1"
    (form,) = issuers.exchanges
    assert form["subject_token"] == ["access-1"]
    assert form["subject_token_type"] == [TOKEN_TYPES["access_token"]]
    assert form["audience"] == ["orders", "stock"]
    assert form["client_id"] == ["gateway-1"]


async def test_both_tokens_have_places_of_their_own_in_the_cache() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    assert [await token(world) for _ in range(3)] == ["exchanged-1"] * 3
    assert await token(world, account=WORK) == "access-1"
    assert (len(issuers.refreshes), len(issuers.exchanges)) == (1, 1)


async def test_ten_at_once_cause_one_refresh_and_one_exchange() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    ten = asyncio.gather(*(token(world) for _ in range(10)))
    assert set(await ten) == {"exchanged-1"}
    assert (len(issuers.refreshes), len(issuers.exchanges)) == (1, 1)


async def test_it_joins_the_parents_refresh_that_is_under_way() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    gate = world.sender.hold()
    parents = asyncio.create_task(token(world, account=WORK))
    await run_until_idle()
    own = asyncio.create_task(token(world))
    await run_until_idle()
    gate.set()
    assert await parents == "access-1"
    await soon(own)
    assert own.result() == "exchanged-1"
    assert (len(issuers.refreshes), issuers.shown) == (1, ["access-1"])


async def test_settling_meanwhile_waits_for_both_and_for_ever_for_none() -> None:
    world = await a_world(a_grant(), an_exchange())
    both(world)
    # As far as its turn, and no further: the parent's refresh is yet to begin.
    async with world.tokens.turn(GATEWAY):
        own = asyncio.create_task(token(world))
        await run_until_idle()
        settling = asyncio.create_task(world.tokens.settle())
        await run_until_idle()
    await soon(settling)
    await soon(own)
    assert own.result() == "exchanged-1"


async def test_an_exchange_of_an_exchange_shows_what_the_first_gave() -> None:
    second = an_exchange(name=SECOND, parent=GATEWAY)
    world = await a_world(a_grant(), an_exchange(), second)
    issuers = both(world)
    assert await token(world, account=SECOND) == "exchanged-2"
    assert issuers.shown == ["access-1", "exchanged-1"]


async def test_of_a_view_the_narrow_token_is_shown() -> None:
    world = await a_world(a_grant(), a_view("mail"), an_exchange(parent=CI))
    issuers = both(world)
    await token(world)
    assert issuers.refreshes[0]["scope"] == ["mail"]


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_request"])
async def test_a_refused_parents_token_is_renewed_once_and_shown_again(
    error: str,
) -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    await token(world, account=WORK)
    await world.clock.advance(Seconds(60))
    issuers.to_exchange = [refusal(error)]
    assert await token(world) == "exchanged-2"
    assert issuers.shown == ["access-1", "access-2"]


async def test_what_is_refused_twice_is_the_answer_and_is_left_in_peace() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    await token(world, account=WORK)
    await world.clock.advance(Seconds(60))
    issuers.to_exchange = [refusal("invalid_request") for _ in range(9)]
    for _ in range(3):
        with pytest.raises(CredentialRefusedError, match="gateway"):
            await token(world)
    assert (len(issuers.refreshes), len(issuers.exchanges)) == (2, 2)


async def test_a_token_of_a_moment_ago_is_not_renewed_for_that() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    issuers.to_exchange = [refusal("invalid_request")]
    with pytest.raises(CredentialRefusedError):
        await token(world)
    assert (len(issuers.refreshes), len(issuers.exchanges)) == (1, 1)


async def test_another_refusal_renews_nothing() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    await token(world, account=WORK)
    await world.clock.advance(Seconds(60))
    issuers.to_exchange = [refusal("invalid_target")]
    with pytest.raises(CredentialRefusedError):
        await token(world)
    assert len(issuers.refreshes) == 1


async def test_a_dying_token_of_the_parent_is_renewed_before_it_is_shown() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    await token(world, account=WORK)
    await world.clock.advance(Seconds(3590))
    await token(world)
    assert "access-1" not in issuers.shown


async def test_a_log_out_of_the_parent_ends_it_at_once() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    await token(world)
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    with pytest.raises(LoginRequiredError) as caught:
        await token(world)
    assert caught.value.account == WORK
    assert len(issuers.exchanges) == 1


async def test_what_was_exchanged_for_a_grant_that_is_gone_is_never_served() -> None:
    world = await a_world(a_grant(), an_exchange())
    both(world)
    await token(world, account=WORK)
    gate = world.sender.hold()
    own = asyncio.create_task(token(world))
    await run_until_idle()
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    gate.set()
    with pytest.raises(LoginRequiredError):
        await own


async def test_after_another_login_the_new_ones_token_is_shown() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    await token(world, account=WORK)
    gate = world.sender.hold()
    own = asyncio.create_task(token(world))
    await run_until_idle()
    later = replace(a_grant(), granted_at=UnixTime(1_900_000_000))
    await world.grants.signed_in(later)
    world.tokens.forget(WORK)
    gate.set()
    assert await own == "exchanged-2"
    assert issuers.shown == ["access-1", "access-2"]


async def test_the_parents_issuer_that_is_down_holds_up_no_other() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    issuers.to_refresh = [DOWN]
    with pytest.raises(IssuerUnreachableError):
        await token(world)
    assert world.tokens.health.outage(WORK) is not None
    assert world.tokens.health.outage(GATEWAY) is None


async def test_its_own_issuer_that_is_down_leaves_the_parent_alone() -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    issuers.to_exchange = [DOWN]
    with pytest.raises(IssuerUnreachableError):
        await token(world)
    assert world.tokens.health.outage(GATEWAY) is not None
    assert await token(world, account=WORK) == "access-1"


async def test_what_is_no_access_token_is_told_as_such() -> None:
    kind = TOKEN_TYPES["saml2"]
    world = await a_world(a_grant(), an_exchange(requested_type=kind))
    issuers = both(world)
    issuers.to_exchange = [
        exchanged("saml", issued_token_type=kind, token_type="N_A", expires_in=60)
    ]
    key = world.tokens.key(GATEWAY, None, None)
    given = await world.tokens.token(key, Seconds(0))
    assert given.token_type == NOT_APPLICABLE
    assert issuers.exchanges[0]["requested_token_type"] == [kind]


@pytest.mark.parametrize(
    "answer",
    [
        token_answer("x"),
        exchanged("x", issued_token_type=TOKEN_TYPES["saml2"]),
        exchanged("x", token_type="N_A"),
        exchanged("x", token_type="mac"),
    ],
)
async def test_what_was_not_asked_for_is_not_taken(answer: BrokerError) -> None:
    world = await a_world(a_grant(), an_exchange())
    issuers = both(world)
    issuers.to_exchange = [answer]
    with pytest.raises(IssuerMalformedError):
        await token(world)


async def test_fewer_scopes_are_asked_for_where_a_peer_names_them() -> None:
    grant = replace(an_exchange(), scopes=frozenset({"read", "write"}))
    world = await a_world(a_grant(), grant)
    issuers = both(world)
    await token(world, "write")
    assert issuers.exchanges[0]["scope"] == ["write"]


async def test_a_clock_that_is_wrong_is_told_where_the_client_signs_who_it_is() -> None:
    key = parse_private_key(Secret(pem(p256())))
    client = Client(
        client_id="g",
        key=key,
        audience=STS.url,
        authentication=ClientAuthentication.PRIVATE_KEY_JWT,
    )
    grant = an_exchange()
    grant = replace(grant, account=replace(grant.account, client=client))
    world = await a_world(a_grant(), grant)
    date = UnixTime(world.clock.now().wall + 400)
    both(world).to_exchange.append(replace(refusal("invalid_client"), date=date))
    with pytest.raises(ClockWrongError):
        await token(world)
