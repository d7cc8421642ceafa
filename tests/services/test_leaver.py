"""What could not be revoked at a log-out: tried again until it is."""

import asyncio
import logging
from itertools import pairwise

import pytest
from msgspec.structs import replace

from broker.model.errors import IssuerUnreachableError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.http import HttpResponse
from broker.model.leaving import leaving
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.events import Subscription
from broker.services.leaver import (
    FIRST_PAUSE,
    GIVEN_UP_AFTER,
    LONGEST_PAUSE,
    Leaver,
)
from broker.services.sign_in import SignInRequest
from broker.services.token_cache import TokenKey
from broker.services.way_in import LoginOptions
from tests.fakes.clock import START, run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.world import (
    HOME,
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

GONE = HttpResponse(status=200)
UNREACHABLE = IssuerUnreachableError(issuer=ISSUER.url, what="no route")
DAY = Seconds(86_400)


async def after_a_log_out(grant: Grant | None = None) -> World:
    """Of 'work', with the issuer out of reach."""
    world = await a_world(grant or a_grant(), a_grant(HOME))
    world.sender.answer_always(UNREACHABLE)
    await world.accounts.log_out(WORK, LogOutOptions())
    world.sender.requests.clear()
    return world


def leaver(world: World) -> Leaver:
    return world.vault.require_open().leaver.get()


async def told(listening: Subscription) -> list[Event]:
    await run_until_idle()
    events = []
    while listening._events:
        events.append(await listening.get())
    return events


async def test_it_is_revoked_once_the_issuer_is_back() -> None:
    world = await after_a_log_out()
    await world.clock.advance(Seconds(600))
    assert len(world.sender.requests) > 1
    world.sender.answer_always(GONE)
    with world.events.subscribe() as listening:
        await world.clock.advance(Seconds(1800))
        (event,) = await told(listening)
    assert (event.kind, event.account) == (EventKind.REVOKED, WORK)
    assert list(world.store.grants) == [HOME]
    assert leaver(world).listed() == []


async def test_the_pauses_grow_from_a_minute_to_six_hours() -> None:
    world = await after_a_log_out()
    tried: list[float] = []

    def noted(_: object) -> HttpResponse:
        tried.append(world.clock.now().boot)
        return HttpResponse(status=500)

    world.sender.answer_always(noted)
    await world.clock.advance(Seconds(20 * DAY))
    pauses = [later - sooner for sooner, later in pairwise([START.boot, *tried])]
    assert FIRST_PAUSE <= pauses[0] <= 2 * FIRST_PAUSE
    assert all(pause <= LONGEST_PAUSE for pause in pauses)
    assert all(pause >= LONGEST_PAUSE / 2 for pause in pauses[10:])


async def test_rfc7009_section_2_2_1_retry_after_is_kept() -> None:
    world = await after_a_log_out()
    wait = {"retry-after": "50000"}
    world.sender.answer_always(HttpResponse(status=503, headers=wait))
    await world.clock.advance(Seconds(121))
    assert len(world.sender.requests) == 1
    await world.clock.advance(Seconds(49_878))
    assert len(world.sender.requests) == 1
    await world.clock.advance(Seconds(122))
    assert len(world.sender.requests) == 2


async def test_an_issuer_that_is_known_to_be_down_is_left_in_peace() -> None:
    world = await after_a_log_out()
    wait = {"retry-after": "3000"}
    world.sender.answer_always(HttpResponse(status=503, headers=wait))
    key = TokenKey(account=HOME, scopes=None, resource=None)
    await asyncio.gather(world.tokens.token(key, Seconds(0)), return_exceptions=True)
    world.sender.requests.clear()
    await world.clock.advance(Seconds(2_900))
    assert world.sender.requests == []
    world.sender.answer_always(GONE)
    await world.clock.advance(Seconds(7_200))
    assert list(world.store.grants) == [HOME]


async def test_it_goes_on_after_a_restart() -> None:
    before = await after_a_log_out()
    await before.vault.close()
    world = World(store=MemoryStore(*before.store.grants.values()))
    world.sender.answer_always(GONE)
    await world.vault.open_at_start()
    await world.clock.advance(FIRST_PAUSE)
    assert world.sender.form()["token"] == "refresh-1"
    assert list(world.store.grants) == [HOME]


async def test_a_locked_store_asks_nobody_and_an_unlocked_one_goes_on() -> None:
    world = await after_a_log_out()
    await world.vault.lock()
    assert world.clock.sleeping == 0
    await world.clock.advance(DAY)
    assert world.sender.requests == []
    assert world.clock.sleeping == 0
    world.sender.answer_always(GONE)
    await world.vault.unlock(None)
    await world.clock.advance(FIRST_PAUSE)
    assert list(world.store.grants) == [HOME]


async def test_where_nothing_is_left_nothing_waits() -> None:
    world = await after_a_log_out()
    await run_until_idle()
    assert world.clock.sleeping == 1
    world.sender.answer_always(GONE)
    await world.clock.advance(Seconds(121))
    assert world.clock.sleeping == 0


async def test_after_a_month_it_is_given_up_and_told() -> None:
    world = await after_a_log_out()
    with world.events.subscribe() as listening:
        await world.clock.advance(Seconds(GIVEN_UP_AFTER + LONGEST_PAUSE))
        (event,) = await told(listening)
    assert event.kind is EventKind.NOT_REVOKED
    assert event.reason == "given up after a month: no route"
    assert list(world.store.grants) == [HOME]
    assert world.clock.sleeping == 0


async def test_a_clock_that_is_a_year_ahead_does_not_give_up_untried() -> None:
    left = leaving(a_grant(), UnixTime(START.wall - 365 * DAY))
    world = World(store=MemoryStore(left))
    world.sender.answer_always(GONE)
    await world.vault.open_at_start()
    with world.events.subscribe() as listening:
        await world.clock.advance(FIRST_PAUSE)
        assert [event.kind for event in await told(listening)] == [EventKind.REVOKED]


@pytest.mark.parametrize("is_refreshable", [True, False])
async def test_what_has_ended_by_itself_is_not_asked_for_any_more(
    *, is_refreshable: bool
) -> None:
    token = AccessToken(
        value=Secret("only"),
        token_type="Bearer",
        scopes=frozenset(),
        obtained=START,
        life=Seconds(300),
    )
    end = UnixTime(START.wall + 300)
    world = await after_a_log_out(
        replace(a_grant(), refresh_expires_at=end)
        if is_refreshable
        else replace(a_grant(refresh_token=None), access_token=token)
    )
    with world.events.subscribe() as listening:
        await world.clock.advance(Seconds(1200))
        (event,) = await told(listening)
    assert (event.kind, event.reason) == (
        EventKind.REVOKED,
        "it has ended by itself",
    )
    assert list(world.store.grants) == [HOME]


async def test_a_refusal_for_good_is_told_and_ends_it() -> None:
    world = await after_a_log_out()
    world.sender.answer_always(refusal("unsupported_token_type"))
    with world.events.subscribe() as listening:
        await world.clock.advance(Seconds(121))
        (event,) = await told(listening)
    assert event.kind is EventKind.NOT_REVOKED
    assert list(world.store.grants) == [HOME]


async def test_access_tokens_that_were_at_hand_are_revoked_later_too() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(), UNREACHABLE)
    await world.tokens.token(
        TokenKey(account=WORK, scopes=None, resource=None), Seconds(0)
    )
    await world.accounts.log_out(WORK, LogOutOptions())
    world.sender.answer_always(GONE)
    await world.clock.advance(Seconds(121))
    tokens = [world.sender.form(index)["token"] for index in (2, 3)]
    assert tokens == ["refresh-1", "access-1"]


async def test_access_tokens_that_have_ended_by_then_are_not() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer(expires_in=60), UNREACHABLE)
    whole = TokenKey(account=WORK, scopes=None, resource=None)
    await world.tokens.token(whole, Seconds(0))
    await world.accounts.log_out(WORK, LogOutOptions())
    world.sender.script(GONE)
    await world.clock.advance(Seconds(121))
    assert world.sender.form()["token"] == "refresh-1"
    assert world.store.grants == {}


async def test_a_log_out_whose_peer_has_hung_up_is_finished_all_the_same() -> None:
    world = await a_world(a_grant())
    world.sender.hold()
    world.sender.script(GONE)
    leaving = asyncio.create_task(world.accounts.log_out(WORK, LogOutOptions()))
    await run_until_idle()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert len(world.store.grants) == 1
    world.sender.hold().set()
    world.sender.script(GONE)
    await world.clock.advance(FIRST_PAUSE)
    assert world.store.grants == {}


async def test_a_disk_that_refuses_has_it_asked_once_more() -> None:
    world = await after_a_log_out()
    world.sender.answer_always(GONE)
    world.store.fail_next_save()
    await world.clock.advance(Seconds(121))
    assert len(world.store.grants) == 2
    await world.clock.advance(Seconds(481))
    assert list(world.store.grants) == [HOME]
    assert len(world.sender.requests) == 2


async def test_our_own_fault_does_not_end_the_tries(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = await after_a_log_out()

    def broken(_: object) -> HttpResponse:
        raise RuntimeError("a bug")

    world.sender.answer_always(broken)
    with caplog.at_level(logging.ERROR):
        await world.clock.advance(Seconds(121))
    assert "grant.leaving.failed account=work" in caplog.text
    world.sender.answer_always(GONE)
    await world.clock.advance(Seconds(481))
    assert list(world.store.grants) == [HOME]


async def test_a_login_at_the_issuer_has_it_tried_at_once() -> None:
    # Google ends all that a program has of a person: later, that were the new sign-in.
    world = await after_a_log_out()
    world.sender.answer_always(GONE)
    options = LoginOptions(again=True)
    await world.logins.start(SignInRequest(account=HOME), options)
    await run_until_idle()
    assert world.sender.form()["token"] == "refresh-1"
    assert list(world.store.grants) == [HOME]


async def test_people_see_what_is_left_and_when_it_is_tried() -> None:
    world = await after_a_log_out()
    (left,) = leaver(world).listed()
    assert (left.account, left.issuer) == (WORK, ISSUER.url)
    assert left.since == START.wall
    assert left.what == "no route"
    assert FIRST_PAUSE <= left.next_try - START.wall <= 2 * FIRST_PAUSE


async def test_a_name_that_was_logged_out_twice_is_left_twice() -> None:
    world = await after_a_log_out()
    await world.grants.signed_in(a_grant(refresh_token="refresh-2"))
    await world.accounts.log_out(WORK, LogOutOptions())
    assert [left.account for left in leaver(world).listed()] == [WORK, WORK]
    world.sender.requests.clear()
    world.sender.answer_always(GONE)
    await world.clock.advance(Seconds(300))
    tokens = {world.sender.form(index)["token"] for index in (0, 1)}
    assert tokens == {"refresh-1", "refresh-2"}
