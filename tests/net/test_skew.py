import logging

import pytest

from broker.model.time import UnixTime
from broker.net.skew import SkewWatch, parse_date

NOW = UnixTime(1_800_000_000)
ORIGIN = "https://issuer.example.com"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),  # RFC 9110 section 5.6.7
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Fri, 15 Jan 2027 08:00:00 GMT", NOW),
    ],
)
def test_every_form_of_a_date_is_read(text: str, moment: float) -> None:
    assert parse_date({"date": text}) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "9" * 100_000,
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date({"date": text}) is None


def test_the_date_of_a_cached_answer_says_nothing() -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert parse_date({"date": date, "age": "3600"}) is None
    assert parse_date({}) is None


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


@pytest.mark.parametrize("ahead", [-3600, -61, 61, 3600])
def test_a_clock_far_from_ours_is_told(
    caplog: pytest.LogCaptureFixture, ahead: int
) -> None:
    SkewWatch().look(ORIGIN, UnixTime(NOW + ahead), NOW)
    assert told(caplog) == [f"outbound.clock.differs origin={ORIGIN} ahead={ahead}"]


@pytest.mark.parametrize("ahead", [-60, 0, 60])
def test_a_clock_near_ours_is_not(caplog: pytest.LogCaptureFixture, ahead: int) -> None:
    SkewWatch().look(ORIGIN, UnixTime(NOW + ahead), NOW)
    assert told(caplog) == []


def test_it_is_told_once_for_each_issuer(caplog: pytest.LogCaptureFixture) -> None:
    watch = SkewWatch()
    for origin in (ORIGIN, "https://other.example", ORIGIN):
        watch.look(origin, UnixTime(NOW + 900), NOW)
    assert len(told(caplog)) == 2


def test_it_is_told_again_once_it_was_right_between(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = SkewWatch()
    for date in (UnixTime(NOW + 900), None, NOW, UnixTime(NOW + 900)):
        watch.look(ORIGIN, date, NOW)
    assert len(told(caplog)) == 2
