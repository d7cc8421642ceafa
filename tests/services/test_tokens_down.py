"""While an issuer is down: who is served, who is told, and who asks it again."""

import asyncio
from dataclasses import dataclass

import msgspec
import pytest
from msgspec.structs import replace

from broker.model.errors import (
    BrokerError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    ReauthenticationRequiredError,
)
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.grants import Grants
from broker.services.token_cache import TokenKey
from broker.services.tokens import TokenService
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.sender import Answer, FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import (
    HOME,
    ISSUER,
    WORK,
    a_grant,
    digest,
    refusal,
    token_answer,
    tokens_on,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
OF_HOME = TokenKey(account=HOME, scopes=None, resource=None)
NONE = Seconds(0)
CUT = IssuerUnreachableError(issuer=ISSUER.url, what="cut off")


@dataclass
class Rig:
    store: MemoryStore
    sender: FakeSender
    clock: FakeClock
    tokens: TokenService
    grants: Grants

    async def ask(
        self, key: TokenKey = ALL, min_ttl: float = 0, rejected: str | None = None
    ) -> str:
        """The token, or the code of what came instead."""
        refused = None if rejected is None else digest(rejected)
        try:
            token = await self.tokens.token(key, Seconds(min_ttl), refused)
        except BrokerError as exc:
            return exc.code
        return token.value.reveal()

    @property
    def sent(self) -> int:
        return len(self.sender.requests)


@pytest.fixture
async def rig() -> Rig:
    elsewhere = replace(ISSUER, url="https://other.example")
    home = a_grant(HOME)
    other = replace(home, account=replace(home.account, issuer=elsewhere))
    return await a_rig(a_grant(), other)


async def a_rig(*grants: Grant) -> Rig:
    store, sender, clock = MemoryStore(*grants), FakeSender(), FakeClock()
    return Rig(store, sender, clock, *await tokens_on(store, sender, clock))


async def test_nobody_asks_an_issuer_again_before_the_pause_is_over(rig: Rig) -> None:
    rig.sender.script(CUT)
    assert await rig.ask() == "issuer_unreachable"
    for key in (ALL, MAIL, ALL):
        assert await rig.ask(key) == "issuer_unreachable"
    assert rig.sent == 1
    await rig.clock.advance(Seconds(1))
    rig.sender.script(token_answer())
    assert await rig.ask() == "access-1"


async def test_a_token_that_lives_is_given_at_once_and_said_to_be_the_last(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer(), CUT)
    await rig.ask()
    await rig.clock.advance(Seconds(3000))
    assert rig.tokens.health.outage(WORK) is None
    assert await rig.ask(min_ttl=900) == "access-1"
    assert await rig.ask(min_ttl=900) == "access-1"
    assert rig.tokens.cached(ALL, NONE) is not None
    outage = rig.tokens.health.outage(WORK)
    assert outage is not None
    assert outage.until == rig.clock.now().wall + 1
    assert rig.tokens.health.outages() == [outage]
    assert rig.sent == 2


async def test_a_token_that_an_api_refused_is_not_given_while_the_issuer_is_down(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer(), CUT)
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    assert await rig.ask(rejected="access-1") == "issuer_unreachable"
    assert await rig.ask(rejected="access-0") == "access-1"


async def test_an_expired_token_is_never_given(rig: Rig) -> None:
    rig.sender.script(token_answer())
    rig.sender.answer_always(CUT)
    await rig.ask()
    await rig.clock.advance(Seconds(3599))
    assert await rig.ask() == "access-1"
    await rig.clock.advance(Seconds(1))
    assert await rig.ask() == "issuer_unreachable"


async def test_another_issuer_is_asked_meanwhile(rig: Rig) -> None:
    rig.sender.script(CUT, token_answer("of-home"))
    await rig.ask()
    assert await rig.ask(OF_HOME) == "of-home"
    assert rig.tokens.health.outage(HOME) is None


async def test_after_the_pause_one_tries_for_all_accounts_of_the_issuer() -> None:
    rig = await a_rig(a_grant(), a_grant(HOME))
    rig.sender.script(CUT, token_answer("after"))
    await rig.ask()
    await rig.clock.advance(Seconds(1))
    gate = rig.sender.hold()
    trying = asyncio.create_task(rig.ask())
    joined = asyncio.create_task(rig.ask())
    other = asyncio.create_task(rig.ask(OF_HOME))
    await run_until_idle()
    gate.set()
    assert await other == "issuer_unreachable"
    assert [await trying, await joined] == ["after", "after"]
    assert rig.sent == 2


async def test_who_wants_another_token_does_not_wait_for_the_one_that_tries(
    rig: Rig,
) -> None:
    rig.sender.script(CUT, token_answer())
    await rig.ask()
    await rig.clock.advance(Seconds(1))
    gate = rig.sender.hold()
    trying = asyncio.create_task(rig.ask())
    await run_until_idle()
    narrow = asyncio.create_task(rig.ask(MAIL))
    await run_until_idle()
    assert narrow.done()
    assert narrow.result() == "issuer_unreachable"
    gate.set()
    assert await trying == "access-1"


async def test_those_behind_a_failure_fail_with_it_and_do_not_try_in_turn(
    rig: Rig,
) -> None:
    gate = rig.sender.hold()
    rig.sender.script(CUT)
    asking = [asyncio.create_task(rig.ask(key)) for key in (ALL, MAIL)]
    await run_until_idle()
    gate.set()
    assert [await each for each in asking] == ["issuer_unreachable"] * 2
    assert rig.sent == 1


async def test_an_overloaded_issuer_is_left_alone_for_as_long_as_it_asks(
    rig: Rig,
) -> None:
    rig.sender.script(HttpResponse(status=429, headers={"retry-after": "90"}))
    await rig.ask()
    await rig.clock.advance(Seconds(60))
    with pytest.raises(IssuerOverloadedError) as caught:
        await rig.tokens.token(ALL, NONE)
    assert caught.value.retry_after == 30
    assert rig.sent == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal("invalid_client", 401), "client_rejected"),
        (refusal("org_internal", 403), "policy_refused"),
        (refusal("invalid_scope"), "scope_refused"),
        (refusal("invalid_request"), "refresh_refused"),
    ],
)
async def test_what_an_issuer_refused_is_not_asked_again_at_once(
    rig: Rig, answer: Answer, code: str
) -> None:
    rig.sender.script(answer)
    assert [await rig.ask(), await rig.ask()] == [code, code]
    assert rig.sent == 1
    assert rig.tokens.health.outage(WORK) is None


@pytest.mark.parametrize("answer", [refusal("invalid_client", 401), refusal("x")])
async def test_a_refused_request_leaves_the_living_token(
    rig: Rig, answer: Answer
) -> None:
    rig.sender.script(token_answer(), answer)
    await rig.ask()
    await rig.clock.advance(Seconds(3000))
    assert await rig.ask(min_ttl=900) == "access-1"
    assert rig.sent == 2


async def test_a_login_is_tried_at_once_and_ends_the_pause(rig: Rig) -> None:
    rig.sender.script(CUT)
    await rig.ask()
    await rig.grants.signed_in(a_grant(refresh_token="of-login"))
    rig.tokens.forget(WORK)
    rig.tokens.remember(ALL, a_token(rig))
    assert rig.tokens.health.outage(WORK) is None
    rig.sender.script(token_answer("narrow", scope="mail"))
    assert await rig.ask(MAIL) == "narrow"


@pytest.mark.parametrize("ending", ["forget", "signed_out"])
async def test_an_issuer_that_nobody_can_ask_any_more_is_not_told_to_be_down(
    ending: str, rig: Rig
) -> None:
    rig.sender.script(CUT)
    await rig.ask()
    assert [each.issuer for each in rig.tokens.health.outages()] == [ISSUER.url]
    end = getattr(rig.grants, ending)
    await end(rig.grants.get(WORK))
    rig.tokens.forget(WORK)
    assert rig.tokens.health.outages() == []


async def test_a_log_in_after_a_refused_scope_may_ask_for_it_at_once(rig: Rig) -> None:
    rig.sender.script(refusal("invalid_scope"), token_answer("narrow", scope="mail"))
    await rig.ask(MAIL)
    rig.tokens.forget(WORK)
    assert await rig.ask(MAIL) == "narrow"


# --- an issuer that wants to see the person ----------------------------------------


async def test_a_living_token_is_served_while_the_issuer_waits_for_the_person(
    rig: Rig,
) -> None:
    rapt = refusal("invalid_grant", error_subtype="invalid_rapt")
    rig.sender.script(token_answer(), rapt)
    await rig.ask()
    await rig.clock.advance(Seconds(3500))
    assert await rig.ask(min_ttl=300) == "access-1"
    assert rig.store.grants[WORK].state is GrantState.REAUTHENTICATE
    assert await rig.ask(rig.tokens.key(WORK, None, None), min_ttl=300) == "access-1"
    with pytest.raises(ReauthenticationRequiredError):
        rig.tokens.key(WORK, frozenset({"mail"}), None)
    await rig.clock.advance(Seconds(100))
    with pytest.raises(ReauthenticationRequiredError):
        rig.tokens.key(WORK, None, None)
    assert rig.sent == 2


# --- no more than one daemon's share of requests -----------------------------------


async def test_too_many_different_tokens_at_once_are_refused_and_not_queued() -> None:
    rig = await a_rig(a_grant(), a_grant(HOME))
    gate = rig.sender.hold()
    rig.sender.answer_always(token_answer())
    keys = [
        msgspec.structs.replace(ALL, resource=f"urn:{number}") for number in range(32)
    ]
    asking = [asyncio.create_task(rig.ask(key)) for key in keys]
    await run_until_idle()
    one_more = asyncio.create_task(rig.ask())
    joined = asyncio.create_task(rig.ask(keys[-1]))
    other = asyncio.create_task(rig.ask(OF_HOME))
    await run_until_idle()
    gate.set()
    assert await one_more == "account_busy"
    assert {await each for each in (*asking, joined, other)} == {"access-1"}
    assert await rig.ask() == "access-1"


def a_token(rig: Rig) -> AccessToken:
    """What a login gave."""
    return AccessToken(
        value=Secret("of-login"),
        token_type="Bearer",
        scopes=frozenset({"drive", "mail"}),
        obtained=rig.clock.now(),
        life=Seconds(3600),
    )
