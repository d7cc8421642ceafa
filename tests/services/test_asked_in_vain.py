import pytest
from msgspec.structs import replace

from broker.model.errors import NoIdTokenError
from broker.model.time import UnixTime
from broker.services.asked_in_vain import MOST_REMEMBERED, PAUSE, AskedInVain
from tests.fakes.clock import FakeClock
from tests.services.world import WORK, a_grant

GRANT = a_grant()
ERROR = NoIdTokenError(account=WORK, reason="it gives none")


def asked() -> tuple[AskedInVain, FakeClock]:
    clock = FakeClock()
    return AskedInVain(clock), clock


async def test_what_was_in_vain_is_not_worth_it_for_a_while() -> None:
    in_vain, clock = asked()
    in_vain.require_worth(GRANT)
    in_vain.note(GRANT, ERROR)
    with pytest.raises(NoIdTokenError):
        in_vain.require_worth(GRANT)
    in_vain.require_worth(GRANT, "another audience")
    await clock.advance(PAUSE)
    in_vain.require_worth(GRANT)


def test_after_another_sign_in_it_says_nothing() -> None:
    in_vain, _ = asked()
    in_vain.note(GRANT, ERROR)
    in_vain.require_worth(replace(GRANT, granted_at=UnixTime(GRANT.granted_at + 1)))


def test_of_ever_more_audiences_the_oldest_are_forgotten() -> None:
    in_vain, _ = asked()
    for number in range(MOST_REMEMBERED + 1):
        in_vain.note(GRANT, ERROR, f"audience-{number}")
    in_vain.require_worth(GRANT, "audience-0")
    with pytest.raises(NoIdTokenError):
        in_vain.require_worth(GRANT, "audience-1")
