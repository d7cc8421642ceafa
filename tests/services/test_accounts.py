"""Log-out: revoke at the issuer, then forget."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName, RedirectChoice
from broker.model.client import Registration
from broker.model.errors import (
    BrokerError,
    IssuerMalformedError,
    IssuerUnreachableError,
    LockedError,
    LoginRequiredError,
    NotRevokedError,
    StoppingError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpResponse
from broker.model.leaving import leaving
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.accounts import LogOut
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START, run_until_idle
from tests.fakes.sender import json_response
from tests.fakes.store import MemoryStore
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
    world: World,
    *,
    local_only: bool = False,
    keep_sign_in: bool = False,
    require_revoked: bool = False,
) -> LogOut:
    options = LogOutOptions(
        local_only=local_only,
        keep_sign_in=keep_sign_in,
        require_revoked=require_revoked,
    )
    return await world.accounts.log_out(WORK, options)


def with_access_token_only() -> Grant:
    token = AccessToken(
        value=Secret("the-only-token"),
        token_type="Bearer",
        scopes=frozenset({"drive"}),
        obtained=START,
        life=None,
    )
    return replace(a_grant(refresh_token=None), access_token=token)


REGISTRATION = Registration(
    uri="https://issuer.example/clients/1", access_token=Secret("of-the-client")
)


def registered(grant: Grant) -> Grant:
    client = replace(grant.account.client, registration=REGISTRATION)
    return replace(grant, account=replace(grant.account, client=client))


def without_revocation(grant: Grant) -> Grant:
    issuer = replace(grant.account.issuer, revocation_endpoint=None)
    return replace(grant, account=replace(grant.account, issuer=issuer))


def forms(world: World) -> list[dict[str, str]]:
    return [world.sender.form(index) for index in range(len(world.sender.requests))]


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
    world.sender.script(token_answer(), GONE, GONE)
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    await log_out(world)
    assert world.tokens.cached(key, Seconds(0)) is None
    with pytest.raises(UnknownAccountError):
        world.tokens.key(WORK, None, None)


NEVER = refusal("unsupported_token_type")
UNREACHABLE = IssuerUnreachableError(issuer="x", what="no route")

NOT_REVOKED: list[HttpResponse | BrokerError] = [
    UNREACHABLE,
    IssuerMalformedError(issuer="x", what="not HTTP"),
    # RFC 7009 section 2.2.1: after a 503 the token must be taken to exist still.
    HttpResponse(status=503),
    HttpResponse(status=302),
    NEVER,
    refusal("invalid_client", 401),
]


@pytest.mark.parametrize("answer", NOT_REVOKED)
async def test_where_it_is_required_what_was_not_revoked_is_not_forgotten(
    answer: HttpResponse | BrokerError,
) -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(), answer)
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    with pytest.raises(NotRevokedError) as caught:
        await log_out(world, require_revoked=True)
    assert caught.value.issuer == "https://issuer.example"
    assert world.store.grants[WORK] == a_grant(version=3)
    assert world.tokens.cached(key, Seconds(0)) is not None


async def test_where_it_is_required_an_issuer_without_revocation_is_a_fault() -> None:
    world = await a_world(without_revocation(a_grant()))
    with pytest.raises(NotRevokedError):
        await log_out(world, require_revoked=True)
    assert WORK in world.store.grants


async def test_where_it_is_required_and_done_nothing_is_left() -> None:
    world = await a_world(a_grant())
    world.sender.script(GONE)
    done = await log_out(world, require_revoked=True)
    assert done == LogOut(account=WORK, revoked=True, left=())
    assert len(world.sender.requests) == 1
    assert world.store.grants == {}


@pytest.mark.parametrize("answer", [each for each in NOT_REVOKED if each != NEVER])
async def test_rfc7009_section_2_2_1_what_was_not_revoked_is_signed_out_and_kept_sealed(
    answer: HttpResponse | BrokerError,
) -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    world.sender.script(token_answer(), answer)
    key = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(key, Seconds(0))
    done = await log_out(world)
    assert (done.revoked, done.pending) == (False, True)
    assert "it ends as soon as that can be done" in done.left[0]
    assert world.tokens.cached(key, Seconds(0)) is None
    assert [grant.account.name for grant in world.grants.all()] == [HOME]
    (kept,) = set(world.store.grants) - {HOME}
    assert world.store.grants[kept].refresh_token == Secret("refresh-1")


async def test_a_token_that_the_issuer_never_revokes_is_not_asked_for_again() -> None:
    world = await a_world(a_grant())
    world.sender.script(NEVER)
    done = await log_out(world)
    assert (done.revoked, done.pending) == (False, False)
    assert "end it there" in done.left[0]
    assert world.store.grants == {}


async def test_access_tokens_at_hand_are_revoked_after_the_refresh_token() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(), token_answer("narrow", scope="drive"), GONE)
    for scopes in (None, frozenset({"drive"})):
        key = TokenKey(account=WORK, scopes=scopes, resource=None)
        await world.tokens.token(key, Seconds(0))
    world.sender.script(GONE, GONE)
    await log_out(world)
    told = [world.sender.form(index) for index in (2, 3, 4)]
    assert [form["token"] for form in told] == ["refresh-1", "access-1", "narrow"]
    assert told[1]["token_type_hint"] == "access_token"


async def test_an_issuer_that_revokes_no_access_token_is_not_asked_for_another() -> (
    None
):
    world = await a_world(a_grant())
    world.sender.script(token_answer(), token_answer("narrow", scope="drive"))
    for scopes in (None, frozenset({"drive"})):
        key = TokenKey(account=WORK, scopes=scopes, resource=None)
        await world.tokens.token(key, Seconds(0))
    world.sender.script(GONE, NEVER)
    assert await log_out(world) == LogOut(account=WORK, revoked=True, left=())
    assert len(world.sender.requests) == 4


async def test_an_issuer_that_is_known_to_be_down_keeps_nobody_waiting() -> None:
    world = await a_world(a_grant())
    world.sender.script(UNREACHABLE)
    key = TokenKey(account=WORK, scopes=None, resource=None)
    with pytest.raises(IssuerUnreachableError):
        await world.tokens.token(key, Seconds(0))
    assert (await log_out(world)).pending
    assert len(world.sender.requests) == 1


async def test_the_name_is_free_for_another_login_at_once() -> None:
    world = await a_world(a_grant())
    world.sender.script(UNREACHABLE)
    await log_out(world)
    await world.grants.signed_in(a_grant(refresh_token="refresh-2"))
    again = await a_world(*world.store.grants.values())
    assert again.grants.get(WORK).refresh_token == Secret("refresh-2")
    assert len(again.grants.leaving()) == 1


async def test_a_token_that_a_login_gives_once_more_is_not_revoked() -> None:
    # There are issuers that give a person the same token for ever.
    world = await a_world(a_grant())
    world.sender.script(UNREACHABLE)
    await log_out(world)
    await world.grants.signed_in(a_grant())
    assert list(world.store.grants) == [WORK]
    await world.clock.advance(Seconds(7200))
    assert len(world.sender.requests) == 1
    assert all(t.get_name() != "revoke what is left" for t in asyncio.all_tasks())


@pytest.mark.parametrize("is_asked_for", [True, False])
async def test_a_log_out_that_a_crash_cut_off_is_ended_at_the_next_opening(
    *, is_asked_for: bool
) -> None:
    # It came between the two saves: both are on the disk.
    left = leaving(a_grant(), START.wall)
    many = [a_grant(AccountName(f"a{n}"), refresh_token=f"r{n}") for n in range(60)]
    world = World(store=MemoryStore(left, a_grant(), *many))
    world.sender.answer_always(GONE)
    await world.vault.open_at_start()
    if is_asked_for:
        assert world.grants.get(WORK).state is GrantState.SIGNED_OUT
    await world.clock.advance(Seconds(61))
    assert world.grants.get(WORK).state is GrantState.SIGNED_OUT
    assert world.store.grants[WORK].refresh_token is None
    assert left.account.name not in world.store.grants
    assert [form["token"] for form in forms(world)] == ["refresh-1"]


async def test_a_disk_that_fails_half_way_does_not_undo_the_log_out() -> None:
    world = await a_world(a_grant())
    world.sender.script(UNREACHABLE)
    world.store.fail_save(2)
    done = await log_out(world)
    assert done.pending
    assert world.grants.get(WORK).state is GrantState.SIGNED_OUT
    with pytest.raises(LoginRequiredError):
        world.tokens.key(WORK, None, None)
    await world.clock.advance(Seconds(5))
    assert world.store.grants[WORK].refresh_token is None
    assert world.vault.degraded is None


async def test_a_browser_can_end_the_session_at_the_issuer_too() -> None:
    grant = a_grant()
    end = f"{grant.account.issuer.url}/logout"
    issuer = replace(grant.account.issuer, end_session_endpoint=end)
    world = await a_world(replace(grant, account=replace(grant.account, issuer=issuer)))
    done = await log_out(world, local_only=True)
    assert done.end_session_url == f"{end}?client_id=client-1"


# --- a client that the broker has registered --------------------------------------


async def test_rfc7592_section_2_3_a_registered_client_is_deleted_with_the_grant() -> (
    None
):
    world = await a_world(registered(a_grant()))
    world.sender.script(GONE, HttpResponse(status=204))
    assert await log_out(world) == LogOut(account=WORK, revoked=True, left=())
    deletion = world.sender.requests[1]
    assert (deletion.method, deletion.url) == ("DELETE", REGISTRATION.uri)
    assert deletion.headers["Authorization"] == "Bearer of-the-client"
    assert world.store.grants == {}


@pytest.mark.parametrize("keep_sign_in", [True, False])
async def test_a_client_is_remembered_for_another_login_only_with_the_sign_in(
    *, keep_sign_in: bool
) -> None:
    grant = a_grant()
    registry = f"{grant.account.issuer.url}/register"
    issuer = replace(grant.account.issuer, registration_endpoint=registry)
    world = await a_world()
    world.sender.script(json_response({"client_id": "made-1"}, status=201))
    made = await world.registering.register(WORK, issuer, RedirectChoice())
    assert made is not None
    account = replace(grant.account, issuer=issuer, client=made.client)
    await world.grants.signed_in(replace(grant, account=account))
    world.sender.script(GONE, json_response({"client_id": "made-2"}, status=201))
    await log_out(world, keep_sign_in=keep_sign_in)
    again = await world.registering.register(WORK, issuer, RedirectChoice())
    assert again is not None
    is_same = again.client.client_id == made.client.client_id
    assert is_same == keep_sign_in


async def test_a_client_that_an_account_uses_is_not_deleted() -> None:
    world = await a_world(registered(a_grant()), registered(a_grant(HOME)))
    world.sender.script(GONE)
    assert await log_out(world) == LogOut(account=WORK, revoked=True, left=())
    assert len(world.sender.requests) == 1


async def test_a_client_is_kept_with_the_sign_in() -> None:
    world = await a_world(registered(a_grant()))
    world.sender.script(GONE)
    await log_out(world, keep_sign_in=True)
    assert len(world.sender.requests) == 1
    assert list(world.store.grants) == [WORK]


@pytest.mark.parametrize("require_revoked", [True, False])
async def test_a_client_that_cannot_be_deleted_now_is_deleted_later(
    *, require_revoked: bool
) -> None:
    world = await a_world(registered(a_grant()))
    world.sender.script(GONE, HttpResponse(status=503))
    done = await log_out(world, require_revoked=require_revoked)
    assert (done.revoked, done.pending) == (True, True)
    assert done.left[0].startswith("the client that was registered still stands at")
    world.sender.answer_always(HttpResponse(status=200))
    await world.clock.advance(Seconds(121))
    assert world.sender.requests[-1].method == "DELETE"
    assert world.store.grants == {}


async def test_a_client_is_not_deleted_while_its_token_may_live() -> None:
    world = await a_world(registered(a_grant()))
    world.sender.script(HttpResponse(status=503))
    assert (await log_out(world)).pending
    assert len(world.sender.requests) == 1


async def test_an_issuer_that_has_forgotten_the_client_has_ended_its_tokens() -> None:
    world = await a_world(registered(a_grant()))
    world.sender.script(refusal("invalid_client", 401), HttpResponse(status=401))
    assert await log_out(world) == LogOut(account=WORK, revoked=True, left=())


async def test_an_issuer_that_deletes_no_client_is_asked_once() -> None:
    world = await a_world(registered(a_grant()))
    world.sender.script(GONE, HttpResponse(status=405))
    assert await log_out(world) == LogOut(account=WORK, revoked=True, left=())
    assert world.store.grants == {}


# --- what is not ended by asking ---------------------------------------------------


async def test_an_issuer_without_revocation_is_not_asked_and_told_of() -> None:
    world = await a_world(without_revocation(a_grant()))
    done = await log_out(world)
    assert not done.revoked
    assert not done.pending
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
    world.sender.script(GONE)
    world.store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await log_out(world)
    assert world.store.grants[WORK] == a_grant()
    assert world.sender.requests == []
    assert (await log_out(world)).revoked


async def test_a_disk_that_fails_after_it_has_saved_lets_a_log_out_be_tried_again() -> (
    None
):
    world = await a_world(a_grant())
    world.sender.script(GONE)
    world.store.fails_after_saves = True
    with pytest.raises(StoreFailedError):
        await log_out(world)
    world.store.fails_after_saves = False
    assert (await log_out(world)).revoked
    assert world.store.grants == {}


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
