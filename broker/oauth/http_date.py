"""Moments in HTTP headers (RFC 9110 section 5.6.7). Knows no clock."""

import re
from calendar import timegm
from collections.abc import Mapping
from datetime import datetime

from broker.model.time import Seconds, UnixTime

LONGEST_RETRY_AFTER = 86_400
"""Seconds; whoever says more is not believed."""

_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<time>[0-2]\d:[0-5]\d:[0-6]\d)"
_FORMS = (
    # IMF-fixdate; then the two that a recipient must read, too.
    re.compile(
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        re.ASCII,
    ),
    re.compile(
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        re.ASCII,
    ),
    re.compile(
        rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
        re.ASCII,
    ),
)
_PIVOT = 70
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)


def answer_date(headers: Mapping[str, str]) -> UnixTime | None:
    """The Date of an answer (RFC 9110 section 6.6.1); None where it says nothing.

    Args:
        headers: names in lower case. One with Age comes from a cache, and its Date is
            of another day (RFC 9111 section 5.1).
    """
    text = headers.get("date")
    if text is None or "age" in headers:
        return None
    return parse_http_date(text)


def parse_http_date(text: str) -> UnixTime | None:
    """The moment, to the second; None where the text is no date of HTTP."""
    for form in _FORMS:
        found = form.fullmatch(text.strip())
        if found is not None:
            return _moment(found)
    return None


def retry_after(header: str | None, *, date: UnixTime | None) -> int | None:
    """Seconds to wait (RFC 9110 section 10.2.3), or None where that is not said.

    Args:
        header: `Retry-After`: seconds, or a date.
        date: of the same answer. A date is counted from there: so our own clock may
            be wrong.
    """
    if header is None:
        return None
    # Blanks alone (RFC 9110 section 5.6.3): Python's strip() takes more than int().
    header = header.strip(" \t")
    if _DIGITS.fullmatch(header):
        return min(int(header), LONGEST_RETRY_AFTER)
    until = parse_http_date(header)
    if until is None or date is None:
        return None
    return min(max(int(until - date), 0), LONGEST_RETRY_AFTER)


def clock_offset(date: UnixTime, *, sent: UnixTime, answered: UnixTime) -> Seconds:
    """By how many seconds the issuer's clock is ahead of ours; negative: behind.

    Args:
        date: of the answer, in whole seconds.
        sent: when the request left, on our wall clock.
        answered: when the answer was there.

    Returns:
        0 where the date lies between the two.
    """
    if date > answered:
        return Seconds(date - answered)
    return Seconds(min(date + 1 - sent, 0.0))


def _moment(found: re.Match[str]) -> UnixTime | None:
    year = int(found["year"])
    if len(found["year"]) == len("94"):
        year += 1900 if year >= _PIVOT else 2000
    hour, minute, second = (int(part) for part in found["time"].split(":"))
    try:
        day = datetime(year, _MONTHS.index(found["month"]) + 1, int(found["day"]))  # noqa: DTZ001 - a day alone
    except ValueError:
        return None
    return UnixTime(timegm((day.year, day.month, day.day, hour, minute, second)))
