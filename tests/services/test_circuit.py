"""Back-off: whom a failure holds up, for how long, and what ends it."""

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.account import Account
from broker.model.client import Client
from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    GrantChangedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginRequiredError,
    PolicyRefusedError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
    ScopeRefusedError,
    StoreFailedError,
)
from broker.model.event import Event, EventKind
from broker.model.time import Seconds, UnixTime
from broker.services.circuit import (
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    REMEMBERED_REQUESTS,
    Circuits,
    pause,
)
from broker.services.events import Events
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START, FakeClock
from tests.services.world import HOME, ISSUER, WORK, an_account

UNREACHABLE = IssuerUnreachableError(issuer=ISSUER.url, what="no route")
REJECTED = ClientRejectedError(
    issuer=ISSUER.url, error="invalid_client", description=""
)
NO_SCOPE = ScopeRefusedError(account=WORK, error="invalid_scope", description="")
ALL = TokenKey(account=WORK, scopes=None, resource=None)
MAIL = TokenKey(account=WORK, scopes=frozenset({"mail"}), resource=None)
OF_HOME = TokenKey(account=HOME, scopes=None, resource=None)
ACCOUNT = an_account()
HOME_ACCOUNT = an_account(HOME)
ELSEWHERE = replace(ACCOUNT, issuer=replace(ISSUER, url="https://other.example"))
OTHER_CLIENT = replace(ACCOUNT, client=Client(client_id="client-2"))


class Told(Events):
    """Keeps what was published."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Rig:
    """Circuits whose chance is always the shortest pause."""

    clock: FakeClock = field(default_factory=FakeClock)
    told: Told = field(default_factory=Told)
    chance: float = 0.0

    def __post_init__(self) -> None:
        self.circuits = Circuits(
            clock=self.clock, events=self.told, jitter=lambda: self.chance
        )

    def fail(
        self, error: BrokerError, account: Account = ACCOUNT, key: TokenKey = ALL
    ) -> BrokerError:
        """One try that meets `error`; what came out of it."""
        with (
            pytest.raises(BrokerError) as caught,
            self.circuits.attempt(account, key),
        ):
            raise error
        return caught.value

    def succeed(self, account: Account = ACCOUNT, key: TokenKey = ALL) -> None:
        with self.circuits.attempt(account, key):
            pass

    def held(self, account: Account = ACCOUNT, key: TokenKey = ALL) -> str | None:
        """The code that holds it up, or None."""
        try:
            self.circuits.require(account, key)
        except BrokerError as exc:
            return exc.code
        return None


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --- how long ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"),
    [(1, 1, 2), (2, 2, 4), (3, 4, 8), (8, 128, 256), (9, 150, 300), (10_000, 150, 300)],
)
def test_the_pause_doubles_from_one_second_to_five_minutes(
    failures: int, shortest: float, longest: float
) -> None:
    assert pause(Seconds(1), failures, 0.0) == shortest
    assert pause(Seconds(1), failures, 1.0) == longest


@given(st.integers(1, 50), st.floats(0, 1), st.sampled_from([1, 10, 30]))
def test_no_pause_is_shorter_than_the_first_or_longer_than_the_longest(
    failures: int, chance: float, shortest: int
) -> None:
    assert shortest <= pause(Seconds(shortest), failures, chance) <= LONGEST_PAUSE


async def test_each_failure_in_a_row_makes_the_pause_longer(rig: Rig) -> None:
    for seconds in (1, 2, 4, 8):
        rig.fail(UNREACHABLE)
        await rig.clock.advance(Seconds(seconds - 0.1))
        assert rig.held() == "issuer_unreachable"
        await rig.clock.advance(Seconds(0.1))
        assert rig.held() is None


async def test_chance_spreads_the_next_try(rig: Rig) -> None:
    rig.chance = 0.5
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(1.4))
    assert rig.held() is not None
    await rig.clock.advance(Seconds(0.1))
    assert rig.held() is None


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [(120, 120), (0, 1), (None, 1), (86_400, LONGEST_RETRY_AFTER)],
)
async def test_retry_after_is_honoured_up_to_an_hour(
    rig: Rig, wanted: int | None, seconds: float
) -> None:
    rig.fail(IssuerOverloadedError(issuer=ISSUER.url, retry_after=wanted))
    await rig.clock.advance(Seconds(seconds - 0.1))
    assert rig.held() == "issuer_overloaded"
    await rig.clock.advance(Seconds(0.1))
    assert rig.held() is None


async def test_a_suspend_counts_as_waiting_and_a_moved_wall_clock_does_not(
    rig: Rig,
) -> None:
    rig.fail(UNREACHABLE)
    rig.clock.set_wall(UnixTime(START.wall + 7200))
    assert rig.held() == "issuer_unreachable"
    rig.clock.set_wall(UnixTime(START.wall - 7200))
    await rig.clock.suspend(Seconds(1))
    assert rig.held() is None


# --- what is said meanwhile --------------------------------------------------------


async def test_who_fails_and_who_is_held_up_hear_when_to_come_back(rig: Rig) -> None:
    rig.chance = 0.5
    first = rig.fail(UNREACHABLE)
    assert first.facts() == {**UNREACHABLE.facts(), "retry_after": 2}
    await rig.clock.advance(Seconds(1))
    with pytest.raises(IssuerUnreachableError) as caught:
        rig.circuits.require(ACCOUNT, ALL)
    assert caught.value.retry_after == 1


def test_an_error_is_told_anew_each_time_without_an_old_traceback(rig: Rig) -> None:
    rig.fail(REJECTED)
    told = []
    for _ in range(2):
        with pytest.raises(ClientRejectedError) as caught:
            rig.circuits.require(ACCOUNT, ALL)
        told.append(caught.value)
    assert told[0] is not told[1]
    assert told[1].facts() == REJECTED.facts()


def test_what_is_kept_of_a_failure_keeps_nothing_alive(rig: Rig) -> None:
    """Its frames hold the request, refresh token and all."""
    rig.fail(UNREACHABLE)
    (kept,) = rig.circuits._open.values()
    assert kept.error is not UNREACHABLE
    assert kept.error.__traceback__ is None


def test_an_error_that_concerns_nobody_else_comes_out_as_it_is(rig: Rig) -> None:
    for error in (
        StoreFailedError(what="full"),
        GrantChangedError(account=WORK),
        LoginRequiredError(account=WORK, reason="revoked"),
    ):
        assert rig.fail(error) is error
    assert rig.held() is None


# --- whom it holds up --------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        UNREACHABLE,
        IssuerOverloadedError(issuer=ISSUER.url),
        IssuerMalformedError(issuer=ISSUER.url, what="HTML"),
    ],
    ids=lambda error: error.code,
)
def test_an_issuer_that_says_nothing_holds_up_all_its_accounts_and_no_others(
    rig: Rig, error: BrokerError
) -> None:
    rig.fail(error)
    for account, key in ((ACCOUNT, MAIL), (HOME_ACCOUNT, OF_HOME), (OTHER_CLIENT, ALL)):
        assert rig.held(account, key) == error.code
    assert rig.held(ELSEWHERE) is None


async def test_a_rejected_client_holds_up_all_its_accounts_for_half_a_minute(
    rig: Rig,
) -> None:
    rig.fail(REJECTED)
    assert rig.held(HOME_ACCOUNT, OF_HOME) == "client_rejected"
    assert rig.held(OTHER_CLIENT) is None
    assert rig.held(ELSEWHERE) is None
    assert rig.circuits.outages() == []
    await rig.clock.advance(Seconds(30))
    assert rig.held() is None


@pytest.mark.parametrize(
    "error",
    [
        NO_SCOPE,
        PolicyRefusedError(account=WORK, issuer="x", error="y", description=""),
        RefreshRefusedError(account=WORK, error="invalid_target", description=""),
    ],
    ids=lambda error: error.code,
)
async def test_a_refused_request_holds_up_itself_alone_for_ten_seconds(
    rig: Rig, error: BrokerError
) -> None:
    rig.fail(error, key=MAIL)
    assert rig.held(key=MAIL) == error.code
    assert rig.held() is None
    assert rig.held(HOME_ACCOUNT, OF_HOME) is None
    await rig.clock.advance(Seconds(10))
    assert rig.held(key=MAIL) is None


@pytest.mark.parametrize(
    "error",
    [
        REJECTED,
        NO_SCOPE,
        LoginRequiredError(account=WORK, reason="revoked"),
        ReauthenticationRequiredError(account=WORK, reason="rapt"),
    ],
    ids=lambda error: error.code,
)
async def test_a_refusal_proves_that_the_issuer_is_up(
    rig: Rig, error: BrokerError
) -> None:
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(1))
    rig.fail(error)
    assert rig.circuits.outages() == []
    assert rig.held(HOME_ACCOUNT, OF_HOME) in (None, "client_rejected")


async def test_a_full_disk_says_nothing_about_the_issuer(rig: Rig) -> None:
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(1))
    rig.fail(StoreFailedError(what="full"))
    assert [outage.issuer for outage in rig.circuits.outages()] == [ISSUER.url]
    assert rig.held() is None  # the next one tries


# --- the one try -------------------------------------------------------------------


async def test_after_the_pause_one_tries_and_the_others_are_held_up_meanwhile(
    rig: Rig,
) -> None:
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(5))
    with rig.circuits.attempt(ACCOUNT, ALL):
        assert rig.held(HOME_ACCOUNT, OF_HOME) == "issuer_unreachable"
    assert rig.held(HOME_ACCOUNT, OF_HOME) is None


async def test_a_try_that_ends_in_a_bug_lets_the_next_one_try(rig: Rig) -> None:
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(5))
    with pytest.raises(ZeroDivisionError), rig.circuits.attempt(ACCOUNT, ALL):
        raise ZeroDivisionError
    assert rig.held() is None


async def test_two_that_were_under_way_together_are_one_failure(rig: Rig) -> None:
    def both_fail() -> None:
        with rig.circuits.attempt(HOME_ACCOUNT, OF_HOME):
            rig.fail(UNREACHABLE)
            raise UNREACHABLE

    with pytest.raises(IssuerUnreachableError):
        both_fail()
    await rig.clock.advance(Seconds(1))
    assert rig.held() is None


async def test_a_success_forgets_all_failures(rig: Rig) -> None:
    for seconds in (1, 2):
        rig.fail(UNREACHABLE)
        await rig.clock.advance(Seconds(seconds))
    rig.succeed()
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(1))
    assert rig.held() is None


async def test_a_login_ends_the_pause_of_issuer_and_client(rig: Rig) -> None:
    rig.fail(NO_SCOPE, key=MAIL)
    rig.fail(REJECTED)
    rig.circuits.signed_in(ACCOUNT)
    assert (rig.held(), rig.held(key=MAIL)) == (None, None)
    rig.fail(UNREACHABLE)
    rig.circuits.signed_in(HOME_ACCOUNT)
    assert rig.held() is None


async def test_forgetting_an_account_forgets_what_was_refused_for_it_alone(
    rig: Rig,
) -> None:
    rig.fail(NO_SCOPE, key=MAIL)
    rig.fail(NO_SCOPE, HOME_ACCOUNT, OF_HOME)
    rig.circuits.forget(WORK)
    assert rig.held(key=MAIL) is None
    assert rig.held(HOME_ACCOUNT, OF_HOME) == "scope_refused"


def test_refused_requests_are_remembered_in_a_bounded_number(rig: Rig) -> None:
    rig.fail(UNREACHABLE, ELSEWHERE)
    for number in range(REMEMBERED_REQUESTS + 1):
        rig.fail(NO_SCOPE, key=msgspec.structs.replace(ALL, resource=f"urn:{number}"))
    assert rig.held(key=msgspec.structs.replace(ALL, resource="urn:0")) is None
    assert (
        rig.held(key=msgspec.structs.replace(ALL, resource="urn:1")) == "scope_refused"
    )
    assert rig.held(ELSEWHERE) == "issuer_unreachable"


# --- what people see ---------------------------------------------------------------


async def test_an_outage_tells_since_when_and_until_when(rig: Rig) -> None:
    rig.fail(UNREACHABLE)
    await rig.clock.advance(Seconds(1))
    rig.fail(UNREACHABLE)
    outage = rig.circuits.outage(ISSUER.url)
    assert outage is not None
    assert (outage.since, outage.until) == (START.wall, START.wall + 3)
    assert (outage.issuer, outage.reason) == (ISSUER.url, "no route")
    assert rig.circuits.outages() == [outage]
    assert rig.circuits.outage("https://other.example") is None


async def test_a_clock_that_is_put_right_moves_what_is_told_of_an_outage(
    rig: Rig,
) -> None:
    rig.fail(UNREACHABLE)
    rig.clock.set_wall(UnixTime(START.wall + 3600))
    outage = rig.circuits.outage(ISSUER.url)
    assert outage is not None
    assert (outage.since, outage.until) == (START.wall + 3600, START.wall + 3601)


def test_an_overloaded_issuer_has_a_reason_too(rig: Rig) -> None:
    rig.fail(IssuerOverloadedError(issuer=ISSUER.url))
    assert rig.circuits.outages()[0].reason == "it asks for patience"


async def test_an_issuer_is_told_to_be_down_once_and_up_once(rig: Rig) -> None:
    for seconds in (1, 2):
        rig.fail(UNREACHABLE)
        await rig.clock.advance(Seconds(seconds))
    rig.succeed()
    rig.succeed()
    down, up = rig.told.events
    assert down == Event(
        kind=EventKind.ISSUER_DOWN,
        at=START.wall,
        issuer=ISSUER.url,
        reason="no route",
        until=UnixTime(START.wall + 1),
    )
    assert up == Event(
        kind=EventKind.ISSUER_UP,
        at=UnixTime(START.wall + 3),
        issuer=ISSUER.url,
    )


def test_the_next_try_is_the_latest_of_all_that_hold_it_up(rig: Rig) -> None:
    assert rig.circuits.next_try(ACCOUNT, ALL) == Seconds(0)
    rig.fail(NO_SCOPE)
    with pytest.raises(IssuerUnreachableError), rig.circuits.attempt(ACCOUNT, MAIL):
        raise UNREACHABLE
    assert rig.circuits.next_try(ACCOUNT, MAIL) == START.boot + 1
    assert rig.circuits.next_try(ACCOUNT, ALL) == START.boot + 10
