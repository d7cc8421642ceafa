"""What a refusal of the issuer costs, and what a login or a log-out meanwhile does."""

import asyncio
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginRequiredError,
    PolicyRefusedError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
    ScopeRefusedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpResponse
from broker.model.log_out import LogOutOptions
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.oauth.token import TokenResponse, parse_token_response
from broker.services.circuit import LONGEST_PAUSE
from broker.services.token_cache import TokenKey
from broker.services.token_endpoint import token_of
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.services.world import (
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NONE = Seconds(0)


def page(status: int) -> HttpResponse:
    return HttpResponse(status=status, body=b"<html>come back later</html>")


@pytest.fixture
async def world() -> World:
    return await a_world(a_grant())


async def test_invalid_grant_marks_the_grant_dead_and_keeps_record_and_reason(
    world: World,
) -> None:
    world.sender.script(
        refusal("invalid_grant", error_description="Token has been \x1b[2Jrevoked.")
    )
    with pytest.raises(LoginRequiredError) as caught:
        await world.tokens.token(ALL, NONE)
    assert caught.value.reason == "invalid_grant: Token has been  [2Jrevoked."
    kept = world.store.grants[WORK]
    assert kept.state is GrantState.DEAD
    assert kept.ended_because == caught.value.reason
    assert kept.account == a_grant().account
    assert kept.refresh_token == a_grant().refresh_token


async def test_a_dead_grant_is_not_tried_again(world: World) -> None:
    world.sender.script(refusal("invalid_grant"))
    for _ in range(3):
        with pytest.raises(LoginRequiredError, match="invalid_grant"):
            await world.tokens.token(world.tokens.key(WORK, None, None), NONE)
    assert len(world.sender.requests) == 1


async def test_a_dead_grant_gives_none_of_its_cached_tokens_any_more(
    world: World,
) -> None:
    mail = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
    world.sender.script(token_answer(), refusal("invalid_grant"))
    await world.tokens.token(mail, NONE)
    with pytest.raises(LoginRequiredError):
        await world.tokens.token(ALL, NONE)
    assert world.tokens.cached(mail, NONE) is None


async def test_an_issuer_that_wants_the_person_again_keeps_the_grant(
    world: World,
) -> None:
    world.sender.script(refusal("invalid_grant", error_subtype="invalid_rapt"))
    for _ in range(2):
        with pytest.raises(ReauthenticationRequiredError):
            await world.tokens.token(world.tokens.key(WORK, None, None), NONE)
    assert world.store.grants[WORK].state is GrantState.REAUTHENTICATE
    assert len(world.sender.requests) == 1


COSTS_NOTHING: list[tuple[HttpResponse | BrokerError, type[BrokerError]]] = [
    (page(500), IssuerUnreachableError),
    (page(502), IssuerUnreachableError),
    (page(503), IssuerOverloadedError),
    (HttpResponse(status=429), IssuerOverloadedError),
    (page(200), IssuerMalformedError),
    (page(400), IssuerMalformedError),
    (page(302), IssuerUnreachableError),
    (HttpResponse(status=200, body=b""), IssuerMalformedError),
    (HttpResponse(status=400, body=b"\xff"), IssuerMalformedError),
    (json_response({"token_type": "Bearer"}), IssuerMalformedError),
    (token_answer(token_type="mac"), IssuerMalformedError),
    (token_answer(expires_in=-1), IssuerMalformedError),
    (token_answer(expires_in="soon"), IssuerMalformedError),
    (token_answer("two words"), IssuerMalformedError),
    (refusal("invalid_client", 401), ClientRejectedError),
    (refusal("unauthorized_client"), ClientRejectedError),
    (refusal("invalid_scope"), ScopeRefusedError),
    (refusal("org_internal", 403), PolicyRefusedError),
    (refusal("server_error"), IssuerUnreachableError),
    (refusal("invalid_request"), RefreshRefusedError),
    (refusal("temporarily_unavailable"), IssuerOverloadedError),
    (IssuerUnreachableError(issuer="x", what="no route"), IssuerUnreachableError),
]


@pytest.mark.parametrize(("answer", "kind"), COSTS_NOTHING)
async def test_anything_but_a_dead_grant_costs_nothing(
    world: World, answer: HttpResponse | BrokerError, kind: type[BrokerError]
) -> None:
    world.sender.script(answer, token_answer("after"))
    with pytest.raises(kind):
        await world.tokens.token(ALL, NONE)
    kept = world.store.grants[WORK]
    assert replace(kept, intent=None, version=1) == a_grant()
    await world.clock.advance(LONGEST_PAUSE)
    assert (await world.tokens.token(ALL, NONE)).value.reveal() == "after"


async def test_a_refused_refresh_leaves_the_cached_token_to_who_can_use_it(
    world: World,
) -> None:
    world.sender.script(token_answer())
    world.sender.answer_always(page(500))
    await world.tokens.token(ALL, NONE)
    await world.clock.advance(Seconds(3500))
    # A hundred seconds of life are better than none.
    assert (await world.tokens.token(ALL, Seconds(300))).value.reveal() == "access-1"
    await world.clock.advance(Seconds(101))
    with pytest.raises(IssuerUnreachableError):
        await world.tokens.token(ALL, NONE)


# --- a login or a log-out while a refresh is under way -----------------------------


@dataclass
class UnderWay:
    """A refresh that waits for the issuer's answer, and one who waits for it."""

    world: World
    waiting: asyncio.Task[AccessToken]
    gate: asyncio.Event

    @classmethod
    async def begin(cls, answer: HttpResponse, key: TokenKey = ALL) -> "UnderWay":
        world = await a_world(a_grant())
        gate = world.sender.hold()
        world.sender.script(answer)
        waiting: asyncio.Task[AccessToken] = asyncio.create_task(
            world.tokens.token(key, NONE)
        )
        await run_until_idle()
        return cls(world, waiting, gate)

    async def sign_in(self, grant: Grant) -> None:
        """As a login does it: saved, then its token remembered."""
        saved = await self.world.grants.signed_in(grant)
        answer = parse_token_response(token_answer("of-login"), issuer="x")
        assert isinstance(answer, TokenResponse)
        token = token_of(
            answer,
            obtained=self.world.clock.now(),
            asked=saved.scopes,
            refreshable=True,
        )
        self.world.tokens.forget(WORK)
        self.world.tokens.remember(ALL, token)


@pytest.mark.parametrize(
    "answer",
    [
        token_answer("of-refresh", refresh_token="refresh-2"),
        token_answer("of-refresh"),
        refusal("invalid_grant"),
    ],
    ids=["it rotates", "it does not rotate", "the issuer has ended the old grant"],
)
async def test_a_login_during_a_refresh_wins_and_its_token_is_what_the_waiter_gets(
    answer: HttpResponse,
) -> None:
    rig = await UnderWay.begin(answer)
    await rig.sign_in(a_grant(refresh_token="refresh-of-login"))
    rig.gate.set()
    assert (await rig.waiting).value.reveal() == "of-login"
    assert rig.world.tokens.cached(ALL, NONE) is await rig.waiting
    kept = rig.world.store.grants[WORK]
    assert kept.refresh_token == a_grant(refresh_token="refresh-of-login").refresh_token
    assert kept.state is GrantState.LIVE
    assert len(rig.world.sender.requests) == 1


async def test_a_narrow_waiter_is_told_when_the_new_login_does_not_grant_it() -> None:
    mail = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
    rig = await UnderWay.begin(token_answer(refresh_token="refresh-2"), mail)
    await rig.sign_in(a_grant(refresh_token="refresh-of-login", scopes="drive"))
    rig.gate.set()
    with pytest.raises(BrokerError) as caught:
        await rig.waiting
    assert caught.value.code == "scope_not_granted"


async def test_a_log_out_waits_for_the_refresh_and_revokes_what_it_gave() -> None:
    rig = await UnderWay.begin(token_answer(refresh_token="refresh-2"))
    rig.world.sender.script(HttpResponse(status=200), HttpResponse(status=200))
    leaving = asyncio.create_task(rig.world.accounts.log_out(WORK, LogOutOptions()))
    await run_until_idle()
    assert len(rig.world.sender.requests) == 1
    rig.gate.set()
    done = await leaving
    await rig.waiting
    assert done.revoked
    assert rig.world.sender.form(1)["token"] == "refresh-2"
    assert WORK not in rig.world.store.grants
    assert rig.world.tokens.cached(ALL, NONE) is None


async def test_who_asks_while_a_log_out_is_under_way_gets_no_token() -> None:
    world = await a_world(a_grant())
    gate = world.sender.hold()
    world.sender.script(HttpResponse(status=200))
    leaving = asyncio.create_task(world.accounts.log_out(WORK, LogOutOptions()))
    await run_until_idle()
    waiting = asyncio.create_task(world.tokens.token(ALL, NONE))
    await run_until_idle()
    gate.set()
    await leaving
    with pytest.raises(UnknownAccountError):
        await waiting
    assert len(world.sender.requests) == 1
