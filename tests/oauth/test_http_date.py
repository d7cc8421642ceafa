"""Dates in headers, and what they say about waiting and about our clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.time import UnixTime
from broker.oauth.http_date import (
    answer_date,
    clock_offset,
    parse_http_date,
    retry_after,
)

EXAMPLE = UnixTime(784_111_777)
NOON = UnixTime(1_800_000_000)  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_rfc9110_section_5_6_7_examples_are_one_moment(text: str) -> None:
    assert parse_http_date(text) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nev 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date_of_http_says_nothing(text: str) -> None:
    assert parse_http_date(text) is None


def test_two_digits_of_a_year_are_of_this_century_unless_that_is_far_off() -> None:
    assert parse_http_date("Friday, 15-Jan-27 08:00:00 GMT") == NOON


@given(st.text())
def test_any_text_is_a_moment_or_nothing(text: str) -> None:
    assert parse_http_date(text) is None
    assert retry_after(text, date=NOON) is None or text.strip().isdecimal()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("9999999999", 86_400),
        ("Fri, 15 Jan 2027 08:02:00 GMT", 120),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 15 Jan 2077 07:00:00 GMT", 86_400),
        ("0\x1f", None),
        ("soon", None),
        ("-1", None),
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_counted_from_the_answers_own(
    header: str | None, seconds: int | None
) -> None:
    assert retry_after(header, date=NOON) == seconds


def test_a_date_to_wait_for_says_nothing_without_the_date_of_the_answer() -> None:
    assert retry_after("Fri, 15 Jan 2027 08:02:00 GMT", date=None) is None


@pytest.mark.parametrize(
    ("sent", "answered", "offset"),
    [
        (0, 0, 0),
        (-30, 30, 0),
        (0.9, 1.5, 0),  # the header has whole seconds
        (-30, -10, 10),
        (31, 40, -30),
        (-7200, -7199, 7199),
    ],
)
def test_the_clocks_differ_by_what_no_slow_answer_explains(
    sent: float, answered: float, offset: float
) -> None:
    moments = (UnixTime(NOON + sent), UnixTime(NOON + answered))
    assert clock_offset(NOON, sent=moments[0], answered=moments[1]) == offset


def test_the_date_of_an_answer_is_read_where_it_is_its_own() -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    assert answer_date({"date": date}) == EXAMPLE
    assert answer_date({"date": date, "age": "3600"}) is None, "it is a cache's"
    assert answer_date({}) is None
    assert answer_date({"date": "now"}) is None
