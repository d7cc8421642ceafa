"""A token that is of no use is never handed out; one that lives is, where need be."""

import asyncio
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    IssuerMalformedError,
    IssuerUnreachableError,
    PolicyRefusedError,
    ScopeRefusedError,
)
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.services.grants import Grants
from broker.services.token_cache import TokenKey
from broker.services.tokens import TokenService
from broker.services.turns import MOST_WAITING
from tests.fakes.clock import FakeClock, run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import (
    WORK,
    a_grant,
    digest,
    refusal,
    token_answer,
    tokens_on,
)

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


async def test_a_token_without_any_life_is_told_as_the_issuers_fault(rig: Rig) -> None:
    rig.sender.answer_always(token_answer(expires_in=0, refresh_token="refresh-2"))
    with pytest.raises(IssuerMalformedError, match="expired already") as caught:
        await rig.tokens.token(ALL, NONE)
    assert caught.value.issuer == "https://issuer.example"
    assert caught.value.retry_after is not None
    # Its refresh token is good all the same, and the issuer is left in peace.
    saved = rig.store.grants[WORK]
    assert saved.refresh_token is not None
    assert saved.refresh_token.reveal() == "refresh-2"
    assert saved.intent is None
    with pytest.raises(IssuerMalformedError):
        await rig.tokens.token(ALL, NONE)
    assert len(rig.sender.requests) == 1


async def test_one_that_lives_is_served_in_its_place(rig: Rig) -> None:
    rig.sender.answer_always(token_answer("dead", expires_in=0))
    rig.sender.script(token_answer("access-1"))
    await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(3500))
    token = await rig.tokens.token(ALL, Seconds(300))
    assert token.value.reveal() == "access-1"


async def test_a_machine_that_sleeps_through_each_tokens_life_is_told_so(
    rig: Rig,
) -> None:
    rig.sender.answer_always(token_answer())
    gate = rig.sender.hold()
    asked = asyncio.create_task(rig.tokens.token(ALL, NONE))
    for _ in range(3):
        await run_until_idle()
        await rig.clock.suspend(Seconds(7200))
        gate.set()
        gate = rig.sender.hold()
    with pytest.raises(IssuerMalformedError, match="3600"):
        await asked
    assert len(rig.sender.requests) == 3


async def test_a_token_of_whoever_was_signed_in_before_is_not_served_in_its_place(
    rig: Rig,
) -> None:
    """A login came in between, and the refresh of the older grant fails after it."""
    rig.sender.script(token_answer("of-one-person"))
    first = await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(3500))
    may_answer = rig.sender.hold()
    rig.sender.script(IssuerUnreachableError(issuer="x", what="down"))
    asked = asyncio.create_task(rig.tokens.token(ALL, Seconds(300)))
    await run_until_idle()
    await rig.grants.signed_in(a_grant(refresh_token="of another"))
    rig.tokens.forget(WORK)
    now = rig.clock.now()
    rig.tokens.remember(ALL, replace(first, value=Secret("of-another"), obtained=now))
    may_answer.set()
    assert (await asked).value.reveal() == "of-another"


async def test_one_that_lives_is_served_where_too_many_stand_in_line(
    rig: Rig,
) -> None:
    rig.sender.script(token_answer("access-1"))
    await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(3500))
    may_answer = rig.sender.hold()
    rig.sender.answer_always(token_answer("other"))
    others = [
        asyncio.create_task(rig.tokens.token(key, NONE))
        for key in (
            TokenKey(account=WORK, scopes=None, resource=f"https://{number}.example/")
            for number in range(MOST_WAITING)
        )
    ]
    await run_until_idle()
    assert (await rig.tokens.token(ALL, Seconds(300))).value.reveal() == "access-1"
    may_answer.set()
    await asyncio.gather(*others)


@pytest.mark.parametrize("error", ["invalid_scope", "access_denied"])
async def test_one_that_lives_is_served_where_the_request_is_refused(
    rig: Rig, error: str
) -> None:
    rig.sender.script(token_answer("access-1"))
    rig.sender.answer_always(refusal(error))
    await rig.tokens.token(ALL, NONE)
    await rig.clock.advance(Seconds(3500))
    assert (await rig.tokens.token(ALL, Seconds(300))).value.reveal() == "access-1"
    with pytest.raises((ScopeRefusedError, PolicyRefusedError)):
        await rig.tokens.token(ALL, NONE, digest("access-1"))
