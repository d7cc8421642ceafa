"""Grants without a refresh token: the sealed access token is the grant."""

import pytest
from msgspec.structs import replace

from broker.model.errors import BrokerError, LoginRequiredError
from broker.model.grant import GrantState
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START, FakeClock
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import WORK, a_grant, digest, tokens_on

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NONE = Seconds(0)


def sealed(life: float | None) -> MemoryStore:
    """A store with a grant as GitHub's OAuth apps give it."""
    grant = a_grant(refresh_token=None)
    token = AccessToken(
        value=Secret("sealed"),
        token_type="Bearer",
        scopes=grant.scopes,
        obtained=START,
        life=None if life is None else Seconds(life),
    )
    return MemoryStore(replace(grant, access_token=token))


async def test_a_sealed_access_token_is_served_after_a_restart_for_ever() -> None:
    store, sender = sealed(None), FakeSender()
    reboot = FakeClock(Instant(wall=UnixTime(START.wall + 10**7), boot=Seconds(9)))
    tokens, _ = await tokens_on(store, sender, reboot)
    token = await tokens.token(ALL, Seconds(86400))
    assert token.value.reveal() == "sealed"
    assert token.expires_at is None
    assert tokens.cached(ALL, Seconds(86400)) is not None


@pytest.mark.parametrize("boot", [9.0, 10**6])
async def test_a_sealed_access_token_has_its_true_end_on_another_boot(
    boot: float,
) -> None:
    store, sender = sealed(28_800), FakeSender()
    reboot = FakeClock(Instant(wall=UnixTime(START.wall + 1000), boot=Seconds(boot)))
    tokens, _ = await tokens_on(store, sender, reboot)
    token = await tokens.token(ALL, NONE)
    assert token.left(reboot.now()) == Seconds(27_800)
    assert token.expires_at == START.wall + 28_800
    await reboot.advance(Seconds(27_801))
    with pytest.raises(LoginRequiredError, match="no refresh token"):
        await tokens.token(ALL, NONE)
    assert store.grants[WORK].state is GrantState.DEAD


async def test_a_sealed_token_that_is_stale_is_the_freshest_there_is() -> None:
    store, sender = sealed(28_800), FakeSender()
    clock = FakeClock()
    tokens, _ = await tokens_on(store, sender, clock)
    await clock.advance(Seconds(28_700))
    assert (await tokens.token(ALL, Seconds(300))).value.reveal() == "sealed"
    assert sender.requests == []


async def test_an_api_that_refuses_the_only_token_means_a_new_login() -> None:
    store, sender, clock = sealed(None), FakeSender(), FakeClock()
    tokens, _ = await tokens_on(store, sender, clock)
    await clock.advance(Seconds(60))
    with pytest.raises(LoginRequiredError, match="API refused"):
        await tokens.token(ALL, NONE, rejected=digest("sealed"))
    # It is only a peer's word: everyone else still gets the token.
    assert store.grants[WORK].state is GrantState.LIVE
    assert (await tokens.token(ALL, NONE)).value.reveal() == "sealed"


async def test_a_refused_token_that_is_not_the_sealed_one_changes_nothing() -> None:
    tokens, _ = await tokens_on(sealed(None), FakeSender(), FakeClock())
    token = await tokens.token(ALL, NONE, rejected=digest("another"))
    assert token.value.reveal() == "sealed"


async def test_a_grant_with_no_token_at_all_means_a_new_login() -> None:
    store = MemoryStore(a_grant(refresh_token=None))
    tokens, _ = await tokens_on(store, FakeSender(), FakeClock())
    with pytest.raises(LoginRequiredError, match="no token to renew"):
        await tokens.token(ALL, NONE)


async def test_a_narrower_token_is_not_answered_with_the_whole_sealed_one() -> None:
    tokens, _ = await tokens_on(sealed(None), FakeSender(), FakeClock())
    mail = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
    # Nothing can narrow it. The peer may hand on what it takes for a narrow token.
    with pytest.raises(BrokerError):
        await tokens.token(mail, NONE)
