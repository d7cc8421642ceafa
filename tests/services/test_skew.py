"""An issuer whose clock is not ours is told in the status."""

import logging

import pytest
from msgspec.structs import replace

from broker.model.http import HttpResponse
from broker.model.time import Instant, Seconds, UnixTime
from broker.services.skew import Skew, Skews
from broker.services.token_cache import TokenKey
from tests.fakes.clock import START
from tests.services.person import completed, repeated
from tests.services.world import ISSUER, WORK, a_grant, a_world, token_answer

ISSUERS = "https://issuer.example"
DATE = START.wall


def answer(date: UnixTime | None = DATE) -> HttpResponse:
    return HttpResponse(status=200, date=date)


def at(wall: float) -> Instant:
    return Instant(wall=UnixTime(START.wall + wall), boot=START.boot)


def hear(skews: Skews, ours: float, date: UnixTime | None = DATE) -> None:
    moment = at(ours)
    skews.heard(ISSUERS, answer(date), sent=moment, answered=moment)


@pytest.mark.parametrize("ours", [0, 59, -59, 60])
def test_clocks_that_differ_by_less_than_a_minute_are_nothing_to_tell(
    ours: float,
) -> None:
    skews = Skews()
    hear(skews, ours)
    assert skews.all() == []


@pytest.mark.parametrize(("ours", "ahead"), [(-60, 60), (-7200, 7200), (3601, -3600)])
def test_clocks_that_differ_by_a_minute_or_more_are_told(
    ours: float, ahead: float
) -> None:
    skews = Skews()
    hear(skews, ours)
    assert skews.all() == [Skew(issuer=ISSUERS, ahead=Seconds(ahead))]


def test_a_slow_answer_explains_as_much_as_it_took() -> None:
    skews = Skews()
    skews.heard(ISSUERS, answer(), sent=at(-300), answered=at(30))
    assert skews.all() == []


def test_clocks_that_agree_again_are_nothing_to_tell() -> None:
    skews = Skews()
    for ours in (-7200, 0):
        hear(skews, ours)
    assert skews.all() == []


def test_the_log_warns_once_and_again_when_they_had_agreed_between(
    caplog: pytest.LogCaptureFixture,
) -> None:
    skews = Skews()
    for ours in (3600, 3601, 0, 3600):
        hear(skews, ours)
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    said = "issuer.clock.differs issuer=https://issuer.example ahead=-3599"
    assert told == [said, said]


def test_an_answer_without_a_date_changes_nothing() -> None:
    skews = Skews()
    hear(skews, -7200)
    hear(skews, 0, None)
    assert len(skews.all()) == 1


async def test_a_refresh_and_a_login_compare_the_clocks() -> None:
    wrong = replace(token_answer(), date=UnixTime(DATE + 7200))
    right = replace(token_answer(refresh_token="r"), date=DATE)
    world = await a_world(a_grant())
    world.sender.script(wrong)
    await world.tokens.token(
        TokenKey(account=WORK, scopes=None, resource=None), Seconds(0)
    )
    assert world.tokens.health.skews() == [Skew(issuer=ISSUER.url, ahead=Seconds(7200))]
    await completed(world, await repeated(world), right)
    assert world.tokens.health.skews() == []
