"""Tokens: cached, or from one refresh, however many ask."""

import asyncio
from dataclasses import dataclass

import pytest

from broker.model.errors import IssuerUnreachableError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Instant, Seconds, UnixTime
from broker.services.grants import Grants
from broker.services.token_cache import CACHED_TOKENS, TokenKey
from broker.services.token_endpoint import ASSUMED_LIFE
from broker.services.tokens import (
    TokenService,
)
from tests.fakes.clock import START, FakeClock, run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, WORK, a_grant, token_answer, tokens_on

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NONE = Seconds(0)


@dataclass
class Rig:
    store: MemoryStore
    sender: FakeSender
    clock: FakeClock
    tokens: TokenService
    grants: Grants


@pytest.fixture
async def rig() -> Rig:
    store, sender, clock = MemoryStore(a_grant()), FakeSender(), FakeClock()
    tokens, grants = await tokens_on(store, sender, clock)
    return Rig(store, sender, clock, tokens, grants)


async def test_a_first_request_spends_the_refresh_token_of_the_grant(rig: Rig) -> None:
    rig.sender.script(token_answer())
    token = await rig.tokens.token(ALL, NONE)
    assert token.value.reveal() == "access-1"
    assert rig.sender.form() == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
        "client_id": "client-1",
    }
    assert rig.sender.requests[0].url == "https://issuer.example/token"


async def test_ten_peers_asking_at_once_cause_one_refresh(rig: Rig) -> None:
    rig.sender.script(token_answer())
    answers = await asyncio.gather(*(rig.tokens.token(ALL, NONE) for _ in range(10)))
    assert {answer.value.reveal() for answer in answers} == {"access-1"}
    assert len(rig.sender.requests) == 1


async def test_a_token_at_hand_is_given_without_asking_the_issuer(rig: Rig) -> None:
    rig.sender.script(token_answer())
    await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(3000))
    assert (await rig.tokens.token(ALL, Seconds(600))).value.reveal() == "access-1"
    cached = rig.tokens.cached(ALL, Seconds(600))
    assert cached is not None
    assert rig.tokens.cached(ALL, Seconds(601)) is None
    assert len(rig.sender.requests) == 1


async def test_a_token_with_too_little_life_left_is_refreshed_first(rig: Rig) -> None:
    rig.sender.script(token_answer("access-1"), token_answer("access-2"))
    await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(3301))
    assert (await rig.tokens.token(ALL, Seconds(300))).value.reveal() == "access-2"


async def test_a_peer_that_hangs_up_leaves_the_refresh_running(rig: Rig) -> None:
    gate = rig.sender.hold()
    rig.sender.script(token_answer(refresh_token="refresh-2"))
    first = asyncio.create_task(rig.tokens.token(ALL, NONE))
    second = asyncio.create_task(rig.tokens.token(ALL, NONE))
    await run_until_idle()
    first.cancel()
    await run_until_idle()
    gate.set()
    assert (await second).value.reveal() == "access-1"
    assert len(rig.sender.requests) == 1
    assert first.cancelled()


async def test_a_refresh_that_nobody_waits_for_any_more_is_saved_all_the_same(
    rig: Rig,
) -> None:
    gate = rig.sender.hold()
    rig.sender.script(token_answer(refresh_token="refresh-2"))
    only = asyncio.create_task(rig.tokens.token(ALL, NONE))
    await run_until_idle()
    only.cancel()
    gate.set()
    await run_until_idle()
    saved = rig.store.grants[WORK].refresh_token
    assert saved is not None
    assert saved.reveal() == "refresh-2"
    assert (await rig.tokens.token(ALL, NONE)).value.reveal() == "access-1"


async def test_a_failure_that_nobody_waits_for_is_no_unhandled_exception(
    rig: Rig,
) -> None:
    unhandled: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    gate = rig.sender.hold()
    rig.sender.script(IssuerUnreachableError(issuer="x", what="cut off"))
    only = asyncio.create_task(rig.tokens.token(ALL, NONE))
    await run_until_idle()
    only.cancel()
    gate.set()
    await run_until_idle()
    del only
    assert unhandled == []


async def test_a_bad_outcome_goes_to_all_who_wait_and_after_a_while_one_tries_again(
    rig: Rig,
) -> None:
    rig.sender.script(IssuerUnreachableError(issuer="x", what="cut off"))
    outcomes = await asyncio.gather(
        *(rig.tokens.token(ALL, NONE) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(one, IssuerUnreachableError) for one in outcomes)
    await rig.clock.advance(Seconds(2))
    rig.sender.script(token_answer())
    assert (await rig.tokens.token(ALL, NONE)).value.reveal() == "access-1"
    assert len(rig.sender.requests) == 2


async def test_each_waiter_checks_its_own_min_ttl(rig: Rig) -> None:
    gate = rig.sender.hold()
    rig.sender.script(token_answer("access-1"), token_answer("access-2"))
    modest = asyncio.create_task(rig.tokens.token(ALL, Seconds(60)))
    greedy = asyncio.create_task(rig.tokens.token(ALL, Seconds(3000)))
    await run_until_idle()
    await rig.clock.advance(Seconds(700))  # the answer takes its time
    gate.set()
    assert (await modest).value.reveal() == "access-1"
    assert (await greedy).value.reveal() == "access-2"


async def test_a_token_born_short_counts_as_fresh_until_half_its_life(
    rig: Rig,
) -> None:
    rig.sender.script(
        token_answer("access-1", expires_in=50), token_answer("access-2", expires_in=50)
    )
    await rig.tokens.token(ALL, Seconds(300))
    await rig.clock.advance(Seconds(25))
    assert (await rig.tokens.token(ALL, Seconds(300))).value.reveal() == "access-1"
    await rig.clock.advance(Seconds(1))
    assert (await rig.tokens.token(ALL, Seconds(300))).value.reveal() == "access-2"


async def test_a_min_ttl_that_no_token_can_meet_costs_one_refresh_a_request(
    rig: Rig,
) -> None:
    async def slow(_: HttpRequest) -> HttpResponse:
        await rig.clock.advance(Seconds(1))
        return token_answer(f"access-{len(rig.sender.requests)}")

    # A token of an hour is 3599 seconds from its end when the answer is here.
    rig.sender.answer_always(slow)
    token = await rig.tokens.token(ALL, Seconds(3600))
    assert token.value.reveal() == "access-1"
    assert len(rig.sender.requests) == 1


async def test_a_short_token_of_a_slow_issuer_costs_one_refresh(rig: Rig) -> None:
    async def slow(_: HttpRequest) -> HttpResponse:
        await rig.clock.advance(Seconds(3))
        return token_answer(expires_in=5)

    rig.sender.answer_always(slow)
    await rig.tokens.token(ALL, Seconds(300))
    assert len(rig.sender.requests) == 1


async def test_a_token_whose_life_a_suspend_took_on_the_way_is_not_served(
    rig: Rig,
) -> None:
    gate = rig.sender.hold()
    rig.sender.script(token_answer("access-1"), token_answer("access-2"))
    asking = [asyncio.create_task(rig.tokens.token(ALL, NONE)) for _ in range(3)]
    await run_until_idle()
    await rig.clock.suspend(Seconds(7200))
    gate.set()
    tokens = {(await one).value.reveal() for one in asking}
    assert tokens == {"access-2"}
    assert len(rig.sender.requests) == 2


async def test_the_life_counts_from_before_the_request_left(rig: Rig) -> None:
    gate = rig.sender.hold()
    rig.sender.script(token_answer())
    asked_at = rig.clock.now().wall
    waiting = asyncio.create_task(rig.tokens.token(ALL, NONE))
    await rig.clock.advance(Seconds(20))
    gate.set()
    assert (await waiting).expires_at == asked_at + 3600


async def test_a_token_without_expires_in_lives_an_assumed_hour(rig: Rig) -> None:
    rig.sender.script(token_answer(expires_in=None))
    assert (await rig.tokens.token(ALL, NONE)).life == ASSUMED_LIFE


async def test_two_accounts_do_not_wait_for_each_other() -> None:
    sender = FakeSender()
    store = MemoryStore(a_grant(), a_grant(HOME))
    tokens, _ = await tokens_on(store, sender, FakeClock())
    gate = asyncio.Event()

    async def held(_: HttpRequest) -> HttpResponse:
        await gate.wait()
        return token_answer("slow")

    sender.script(held, token_answer("quick"))
    slow = asyncio.create_task(tokens.token(ALL, NONE))
    await run_until_idle()
    home = TokenKey(account=HOME, scopes=None, resource=None)
    assert (await tokens.token(home, NONE)).value.reveal() == "quick"
    assert not slow.done()
    gate.set()
    assert (await slow).value.reveal() == "slow"


async def test_the_cache_keeps_a_bounded_number_of_tokens(rig: Rig) -> None:
    rig.sender.answer_always(token_answer())
    first = TokenKey(account=WORK, scopes=None, resource="urn:api:0")
    await rig.tokens.token(first, NONE)
    token = await rig.tokens.token(ALL, NONE)
    others = [
        TokenKey(account=WORK, scopes=None, resource=f"urn:other:{number}")
        for number in range(CACHED_TOKENS)
    ]
    for key in others:
        rig.tokens.remember(key, token)
    assert rig.tokens.cached(first, NONE) is None  # the oldest went
    assert all(rig.tokens.cached(key, NONE) is token for key in others)
    assert len(rig.tokens._cache._asked) == CACHED_TOKENS  # nor is it remembered


async def test_a_refresh_under_way_ends_before_the_service_is_closed(rig: Rig) -> None:
    gate = rig.sender.hold()
    rig.sender.script(token_answer(refresh_token="refresh-2"))
    waiting = asyncio.create_task(rig.tokens.token(ALL, NONE))
    await run_until_idle()
    closing = asyncio.create_task(rig.tokens.close())
    await run_until_idle()
    assert not closing.done()
    gate.set()
    await closing
    saved = rig.store.grants[WORK].refresh_token
    assert saved is not None
    assert saved.reveal() == "refresh-2"
    assert (await waiting).value.reveal() == "access-1"


async def test_closing_does_not_raise_what_a_refresh_met(rig: Rig) -> None:
    gate = rig.sender.hold()
    rig.sender.script(IssuerUnreachableError(issuer="x", what="cut off"))
    waiting = asyncio.create_task(rig.tokens.token(ALL, NONE))
    await run_until_idle()
    closing = asyncio.create_task(rig.tokens.close())
    await run_until_idle()
    gate.set()
    await closing
    with pytest.raises(IssuerUnreachableError):
        await waiting


# --- clocks ------------------------------------------------------------------------


async def test_a_wall_clock_set_back_does_not_lengthen_what_peers_are_told(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer())
    await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(600))
    rig.clock.set_wall(UnixTime(START.wall - 86_400))
    end = rig.clock.now().wall + 3000
    at_hand = rig.tokens.cached(ALL, NONE)
    assert at_hand is not None
    assert at_hand.expires_at == end
    assert (await rig.tokens.token(ALL, NONE)).expires_at == end
    await rig.clock.advance(Seconds(3000))
    assert rig.tokens.cached(ALL, NONE) is None


async def test_a_wall_clock_set_forward_means_a_refresh(rig: Rig) -> None:
    rig.sender.script(token_answer("access-1"), token_answer("access-2"))
    await rig.tokens.token(ALL, NONE)
    rig.clock.set_wall(UnixTime(START.wall + 3600))
    assert (await rig.tokens.token(ALL, NONE)).value.reveal() == "access-2"


async def test_a_token_that_expired_while_the_machine_slept_is_not_served(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer("access-1"), token_answer("access-2"))
    await rig.tokens.token(ALL, NONE)
    await rig.clock.suspend(Seconds(3600))
    assert rig.tokens.cached(ALL, NONE) is None
    assert (await rig.tokens.token(ALL, NONE)).value.reveal() == "access-2"


async def test_a_daemon_on_another_boot_asks_anew(rig: Rig) -> None:
    rig.sender.script(token_answer("access-1"), token_answer("access-2"))
    await rig.tokens.token(ALL, NONE)
    later = FakeClock(Instant(wall=START.wall, boot=Seconds(7)))
    tokens, _ = await tokens_on(rig.store, rig.sender, later)
    assert (await tokens.token(ALL, NONE)).value.reveal() == "access-2"
