"""Log-out: revoke at the issuer, then forget."""

import asyncio
from dataclasses import replace

import pytest

from broker.model.errors import (
    BrokerError,
    IssuerMalformedError,
    IssuerUnreachableError,
    LockedError,
    NotRevokedError,
    StoppingError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.accounts import LogOut
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START, run_until_idle
from tests.services.world import (
    HOME,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

GONE = HttpResponse(status=200)


async def log_out(
    world: World, *, local_only: bool = False, keep_sign_in: bool = False
) -> LogOut:
    return await world.accounts.log_out(
        WORK, local_only=local_only, keep_sign_in=keep_sign_in
    )


def with_access_token_only() -> Grant:
    token = AccessToken(
        value=Secret("the-only-token"),
        token_type="Bearer",
        scopes=frozenset({"drive"}),
        obtained=START,
        life=None,
    )
    return replace(a_grant(refresh_token=None), access_token=token)


async def test_the_refresh_token_is_revoked_and_then_everything_is_forgotten() -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    world.sender.script(GONE)
    assert await log_out(world) == LogOut(account=WORK, revoked=True, left=())
    assert world.sender.requests[0].url == "https://issuer.example/revoke"
    assert world.sender.form() == {
        "token": "refresh-1",
        "token_type_hint": "refresh_token",
        "client_id": "client-1",
    }
    assert list(world.store.grants) == [HOME]


async def test_an_access_token_that_is_the_grant_is_revoked_as_one() -> None:
    world = await a_world(with_access_token_only())
    world.sender.script(GONE)
    assert (await log_out(world)).revoked
    assert world.sender.form()["token"] == "the-only-token"
    assert world.sender.form()["token_type_hint"] == "access_token"


async def test_no_token_of_the_account_is_served_any_more() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(), GONE)
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    await log_out(world)
    assert world.tokens.cached(key, Seconds(0)) is None
    with pytest.raises(UnknownAccountError):
        world.tokens.key(WORK, None, None)


NOT_REVOKED: list[HttpResponse | BrokerError] = [
    IssuerUnreachableError(issuer="x", what="no route"),
    IssuerMalformedError(issuer="x", what="not HTTP"),
    # RFC 7009 section 2.2.1: after a 503 the token must be taken to exist still.
    HttpResponse(status=503),
    HttpResponse(status=302),
    refusal("unsupported_token_type"),
    refusal("invalid_client", 401),
]


@pytest.mark.parametrize("answer", NOT_REVOKED)
async def test_what_was_not_revoked_is_not_forgotten(
    answer: HttpResponse | BrokerError,
) -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(), answer)
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    with pytest.raises(NotRevokedError) as caught:
        await log_out(world)
    assert caught.value.issuer == "https://issuer.example"
    assert world.store.grants[WORK] == a_grant(version=3)
    assert world.tokens.cached(key, Seconds(0)) is not None


async def test_an_issuer_without_revocation_is_not_asked_and_told_of() -> None:
    grant = a_grant()
    issuer = replace(grant.account.issuer, revocation_endpoint=None)
    world = await a_world(replace(grant, account=replace(grant.account, issuer=issuer)))
    done = await log_out(world)
    assert not done.revoked
    assert "still stands" in done.left[0]
    assert world.sender.requests == []
    assert WORK not in world.store.grants


async def test_local_only_asks_nobody_and_says_what_it_leaves() -> None:
    world = await a_world(a_grant())
    done = await log_out(world, local_only=True)
    assert not done.revoked
    assert "still stands at https://issuer.example" in done.left[0]
    assert world.sender.requests == []
    assert world.store.grants == {}


async def test_the_sign_in_can_be_kept_for_the_next_login() -> None:
    world = await a_world(a_grant())
    world.sender.script(GONE)
    done = await log_out(world, keep_sign_in=True)
    kept = world.store.grants[WORK]
    assert kept.state is GrantState.SIGNED_OUT
    assert kept.refresh_token is None
    assert kept.account == a_grant().account
    assert len(done.left) == 1
    assert "kept" in done.left[0]


async def test_an_account_that_was_signed_out_can_be_forgotten_without_asking() -> None:
    world = await a_world(a_grant())
    world.sender.script(GONE)
    await log_out(world, keep_sign_in=True)
    assert await log_out(world) == LogOut(account=WORK, revoked=False, left=())
    assert len(world.sender.requests) == 1
    assert world.store.grants == {}


async def test_an_unknown_account_is_unknown_and_nobody_is_asked() -> None:
    world = await a_world(a_grant(HOME))
    with pytest.raises(UnknownAccountError):
        await log_out(world)
    assert world.sender.requests == []


async def test_before_the_first_login_every_account_is_unknown() -> None:
    # "the store is locked: there is no store yet" would send people to `unlock`.
    with pytest.raises(UnknownAccountError):
        await log_out(World(source=None))


async def test_a_lock_waits_for_a_log_out_that_the_issuer_has_heard_of() -> None:
    world = await a_world(a_grant())
    gate = world.sender.hold()
    world.sender.script(GONE)
    leaving = asyncio.create_task(log_out(world), name="log out")
    await run_until_idle()
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    assert not locking.done()
    gate.set()
    assert (await leaving).revoked
    await locking
    assert world.store.grants == {}


async def test_a_locked_store_forgets_nothing() -> None:
    world = World(source="passphrase")
    await world.vault.open_at_start()
    with pytest.raises(LockedError):
        await log_out(world)


async def test_a_disk_that_refuses_leaves_the_account_to_be_logged_out_again() -> None:
    world = await a_world(a_grant())
    world.sender.script(GONE, GONE)
    world.store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await log_out(world)
    assert world.store.grants[WORK] == a_grant()
    assert (await log_out(world)).revoked


async def test_log_outs_of_names_that_nobody_has_leave_nothing_behind() -> None:
    world = await a_world()
    before = len(world.tokens._turns._turns)
    with pytest.raises(UnknownAccountError):
        await log_out(world)
    assert len(world.tokens._turns._turns) == before


async def test_a_daemon_that_is_ending_begins_no_log_out() -> None:
    # It would be cut off between the issuer's answer and what is saved of it.
    world = await a_world(a_grant())
    world.vault.begin_to_close()
    with pytest.raises(StoppingError):
        await log_out(world)
    assert world.sender.requests == []
    assert world.store.grants[WORK] == a_grant()
