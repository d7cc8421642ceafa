"""Early renewal: what is in use is renewed ahead, and what is not sets no timer."""

import asyncio
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.errors import BrokerError, IssuerUnreachableError
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.services.grants import Grants
from broker.services.renewal import LEAST_LIFE, TRY_AGAIN, renewal_age
from broker.services.token_cache import CACHED_TOKENS, TokenKey
from broker.services.tokens import TokenService
from broker.services.turns import MOST_WAITING
from tests.fakes.clock import START, FakeClock, run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.world import (
    HOME,
    ISSUER,
    WORK,
    a_grant,
    refusal,
    token_answer,
    tokens_on,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
OF_HOME = TokenKey(account=HOME, scopes=None, resource=None)
NONE = Seconds(0)
AHEAD = 3600 - 420
"""The age at which an hour's token is renewed, where chance says 0."""
CUT = IssuerUnreachableError(issuer=ISSUER.url, what="cut off")


@dataclass
class Rig:
    """A token service whose issuer answers `access-N`, living `life` seconds."""

    store: MemoryStore
    clock: FakeClock
    sender: FakeSender
    life: float = 3600
    tokens: TokenService = None  # type: ignore[assignment]
    grants: Grants = None  # type: ignore[assignment]

    async def ask(self, key: TokenKey = ALL, min_ttl: float = 0) -> str:
        try:
            token = await self.tokens.token(key, Seconds(min_ttl))
        except BrokerError as exc:
            return exc.code
        return token.value.reveal()

    def at_hand(self, key: TokenKey = ALL) -> str | None:
        token = self.tokens.cached(key, NONE)
        return None if token is None else token.value.reveal()

    async def timers(self) -> int:
        """How many wait on the clock, once everyone has done what there is to do."""
        await run_until_idle()
        return self.clock.sleeping

    @property
    def sent(self) -> int:
        return len(self.sender.requests)

    def answer(self, _: HttpRequest) -> HttpResponse:
        scope = self.sender.form().get("scope")
        return token_answer(f"access-{self.sent}", expires_in=self.life, scope=scope)


async def a_rig(*grants: Grant) -> Rig:
    rig = Rig(MemoryStore(*grants), FakeClock(), FakeSender())
    rig.sender.answer_always(rig.answer)
    rig.tokens, rig.grants = await tokens_on(rig.store, rig.sender, rig.clock)
    return rig


@pytest.fixture
async def rig() -> Rig:
    return await a_rig(a_grant(), a_grant(HOME))


# --- when --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "earliest", "latest"),
    [
        (86_400, 85_800, 85_980),
        (3600, 3000, 3180),
        (1200, 600, 780),
        (900, 300, 480),
        (600, 180, 240),
        (300, 90, 120),
        (60, 18, 24),
    ],
)
def test_a_token_is_renewed_ten_to_seven_minutes_ahead_or_after_a_third_of_its_life(
    life: float, earliest: float, latest: float
) -> None:
    assert renewal_age(Seconds(life), 1.0) == pytest.approx(earliest)
    assert renewal_age(Seconds(life), 0.0) == pytest.approx(latest)


@pytest.mark.parametrize("life", [None, 0, 5, LEAST_LIFE - 0.1])
def test_what_has_no_end_or_hardly_a_life_is_never_renewed_ahead(
    life: float | None,
) -> None:
    assert renewal_age(None if life is None else Seconds(life), 0.5) is None


@given(st.floats(500, 1e7), st.floats(0, 1))
def test_renewal_is_ahead_of_every_consumer_by_a_margin(
    life: float, chance: float
) -> None:
    age = renewal_age(Seconds(life), chance)
    assert age is not None
    assert life - age >= min(420, 0.6 * life) - 1e-6


@given(st.floats(LEAST_LIFE, 1e7), st.floats(0, 1))
def test_no_life_is_renewed_more_often_than_thrice(life: float, chance: float) -> None:
    age = renewal_age(Seconds(life), chance)
    assert age is not None
    assert 0.29 * life <= age <= life


# --- what --------------------------------------------------------------------------


async def test_a_token_that_was_asked_for_is_renewed_before_anyone_waits(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(AHEAD - 1))
    assert rig.sent == 1
    await rig.clock.advance(Seconds(1))
    assert rig.sent == 2
    assert rig.at_hand() == "access-2"


async def test_while_it_is_renewed_the_old_token_is_served(rig: Rig) -> None:
    await rig.ask()
    gate = rig.sender.hold()
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.sent == 2
    assert rig.at_hand() == "access-1"
    assert await rig.ask(min_ttl=300) == "access-1"
    gate.set()
    await run_until_idle()
    assert rig.at_hand() == "access-2"


async def test_who_cannot_use_the_old_token_joins_the_renewal(rig: Rig) -> None:
    await rig.ask()
    gate = rig.sender.hold()
    await rig.clock.advance(Seconds(AHEAD))
    waiting = asyncio.create_task(rig.ask(min_ttl=900))
    await run_until_idle()
    gate.set()
    assert await waiting == "access-2"
    assert rig.sent == 2


async def test_a_token_that_nobody_asked_for_since_it_was_renewed_is_let_expire(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(86_400))
    assert rig.sent == 2
    assert await rig.timers() == 0


async def test_a_token_in_use_is_renewed_for_ever(rig: Rig) -> None:
    await rig.ask()
    for _ in range(100):
        await rig.clock.advance(Seconds(600))
        assert rig.at_hand() is not None
    assert rig.sent == 1 + 100 * 600 // AHEAD


async def test_a_token_of_a_login_is_renewed_only_once_it_was_asked_for(
    rig: Rig,
) -> None:
    rig.tokens.remember(ALL, a_token())
    assert await rig.timers() == 0
    assert rig.at_hand() == "of-login"
    assert await rig.timers() == 1
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.sent == 1


async def test_a_token_first_asked_for_near_its_end_is_served_and_renewed_at_once(
    rig: Rig,
) -> None:
    rig.tokens.remember(ALL, a_token())
    await rig.clock.advance(Seconds(3500))
    assert rig.at_hand() == "of-login"
    await run_until_idle()
    assert rig.at_hand() == "access-1"


async def test_each_token_of_an_account_is_renewed_for_itself(rig: Rig) -> None:
    await rig.ask(MAIL)
    await rig.clock.advance(Seconds(600))
    await rig.ask(OF_HOME)
    await rig.clock.advance(Seconds(AHEAD - 600))
    assert rig.sender.form()["scope"] == "mail"
    assert rig.sent == 3
    await rig.clock.advance(Seconds(600))
    assert "scope" not in rig.sender.form()
    assert rig.sent == 4


async def test_a_token_of_five_seconds_is_renewed_for_those_who_ask_and_never_ahead(
    rig: Rig,
) -> None:
    rig.life = 5
    await rig.ask()
    assert await rig.timers() == 0
    await rig.clock.advance(Seconds(100))
    assert rig.sent == 1


async def test_a_grant_without_a_refresh_token_sets_no_timer() -> None:
    sealed = replace(a_grant(refresh_token=None), access_token=a_token())
    rig = await a_rig(sealed)
    assert await rig.ask() == "of-login"
    assert await rig.timers() == 0


async def test_a_peer_that_asks_for_no_end_of_tokens_sets_a_bounded_number_of_them(
    rig: Rig,
) -> None:
    for number in range(CACHED_TOKENS + 10):
        key = msgspec.structs.replace(ALL, resource=f"urn:{number}")
        rig.tokens.remember(key, a_token())
        assert rig.at_hand(key) is not None
    assert len(rig.tokens._renewal._due) == CACHED_TOKENS


# --- one timer, and none -----------------------------------------------------------


async def test_there_is_one_timer_for_all_tokens(rig: Rig) -> None:
    for key in (OF_HOME, ALL, MAIL):
        await rig.ask(key)
        await rig.clock.advance(Seconds(60))
    assert await rig.timers() == 1


async def test_a_token_that_is_due_sooner_moves_the_timer(rig: Rig) -> None:
    await rig.ask()
    rig.life = 60
    await rig.ask(OF_HOME)
    assert await rig.timers() == 1
    await rig.clock.advance(Seconds(24))
    assert rig.sent == 3
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.sent == 4


async def test_forgetting_the_last_account_in_use_ends_the_timer(rig: Rig) -> None:
    await rig.ask()
    await rig.ask(OF_HOME)
    rig.tokens.forget(WORK)
    assert await rig.timers() == 1
    rig.tokens.forget(HOME)
    assert await rig.timers() == 0
    assert await rig.ask() == "access-3"
    assert await rig.timers() == 1


async def test_a_service_that_is_closed_has_no_timer_and_no_token(rig: Rig) -> None:
    await rig.ask()
    await rig.tokens.close()
    assert await rig.timers() == 0
    assert rig.tokens._renewal._due == {}
    assert rig.at_hand() is None
    rig.tokens.remember(ALL, a_token())
    assert rig.at_hand() == "of-login"
    assert await rig.timers() == 0


async def test_a_renewal_under_way_at_the_end_is_saved(rig: Rig) -> None:
    await rig.ask()
    gate = rig.sender.hold()
    rig.sender.script(token_answer(refresh_token="refresh-2"))
    await rig.clock.advance(Seconds(AHEAD))
    closing = asyncio.create_task(rig.tokens.close())
    await run_until_idle()
    gate.set()
    await closing
    saved = rig.store.grants[WORK].refresh_token
    assert saved is not None
    assert saved.reveal() == "refresh-2"
    assert await rig.timers() == 0


# --- failures ----------------------------------------------------------------------


async def test_a_renewal_that_fails_is_told_to_nobody_and_tried_after_each_pause(
    rig: Rig,
) -> None:
    await rig.ask()
    rig.sender.script(CUT, CUT, CUT)
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.at_hand() == "access-1"
    for seconds, sent in ((0.9, 2), (0.1, 3), (1.9, 3), (0.1, 4), (4, 5)):
        await rig.clock.advance(Seconds(seconds))
        assert rig.sent == sent
    assert rig.at_hand() == "access-5"
    assert rig.tokens.health.outages() == []


async def test_once_the_token_has_expired_nobody_tries_any_more(rig: Rig) -> None:
    await rig.ask()
    rig.sender.answer_always(CUT)
    await rig.clock.advance(Seconds(3600))
    sent = rig.sent
    await rig.clock.advance(Seconds(86_400))
    assert rig.sent == sent
    assert await rig.timers() == 0


async def test_a_down_issuer_is_not_asked_for_the_tokens_of_its_other_accounts(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(0.5))
    await rig.ask(OF_HOME)
    rig.sender.script(CUT)
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.sent == 3
    await rig.clock.advance(Seconds(0.5))
    assert rig.sent == 5
    assert [rig.at_hand(), rig.at_hand(OF_HOME)] == ["access-4", "access-5"]


async def test_where_too_many_wait_in_line_it_is_tried_again_in_half_a_minute(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(AHEAD - 1))
    gate = rig.sender.hold()
    keys = [
        msgspec.structs.replace(ALL, resource=f"urn:{number}")
        for number in range(MOST_WAITING)
    ]
    others = [asyncio.create_task(rig.ask(key)) for key in keys]
    await rig.clock.advance(Seconds(1))
    gate.set()
    await asyncio.gather(*others)
    assert rig.at_hand() == "access-1"
    await rig.clock.advance(TRY_AGAIN)
    assert rig.at_hand() == f"access-{MOST_WAITING + 2}"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refusal("invalid_grant"), GrantState.DEAD),
        (refusal("interaction_required"), GrantState.REAUTHENTICATE),
    ],
)
async def test_a_grant_that_has_ended_is_not_tried_again(
    rig: Rig, answer: HttpResponse, state: GrantState
) -> None:
    await rig.ask()
    rig.sender.script(answer)
    await rig.clock.advance(Seconds(AHEAD))
    assert await rig.timers() == 0
    await rig.clock.advance(Seconds(86_400))
    assert rig.sent == 2
    assert rig.store.grants[WORK].state is state
    assert await rig.timers() == 0


async def test_a_token_that_a_login_replaced_is_not_renewed(rig: Rig) -> None:
    await rig.ask()
    await rig.clock.advance(Seconds(600))
    await rig.grants.signed_in(a_grant())
    rig.tokens.forget(WORK)
    rig.tokens.remember(ALL, a_token())
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.sent == 1


async def test_a_bug_in_a_renewal_is_written_down(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    await rig.ask()
    rig.sender.answer_always(broken)
    await rig.clock.advance(Seconds(AHEAD))
    assert "token.renewal.failed account=work" in caplog.text
    assert "ZeroDivisionError" in caplog.text


# --- clocks ------------------------------------------------------------------------


async def test_a_token_that_was_due_while_the_machine_slept_is_renewed_on_waking(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.suspend(Seconds(3500))
    assert rig.sent == 2


async def test_a_token_that_expired_while_the_machine_slept_waits_for_who_asks(
    rig: Rig,
) -> None:
    await rig.ask()
    await rig.clock.suspend(Seconds(86_400))
    assert rig.sent == 1
    assert await rig.timers() == 0


async def test_a_moved_wall_clock_moves_no_renewal(rig: Rig) -> None:
    await rig.ask()
    rig.clock.set_wall(UnixTime(START.wall - 86_400))
    await rig.clock.advance(Seconds(AHEAD))
    assert rig.sent == 2


def a_token() -> AccessToken:
    """What a login gave at the start."""
    return AccessToken(
        value=Secret("of-login"),
        token_type="Bearer",
        scopes=frozenset({"drive", "mail"}),
        obtained=START,
        life=Seconds(3600),
    )
