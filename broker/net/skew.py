"""The issuer's clock against ours. Knows no network and no clock of its own."""

import logging
from collections.abc import Mapping

from broker.model.time import Seconds, UnixTime
from broker.oauth.http_date import parse_http_date

log = logging.getLogger(__name__)

MOST_SKEW = Seconds(60)
"""What no network explains: ID tokens begin to be refused, expiries to be wrong."""


def parse_date(headers: Mapping[str, str]) -> UnixTime | None:
    """The Date header (RFC 9110 section 6.6.1), or None where it says nothing.

    Args:
        headers: names in lower case. One with Age comes from a cache, and its Date is
            of another day (RFC 9111 section 5.1).
    """
    text = headers.get("date")
    if text is None or "age" in headers:
        return None
    return parse_http_date(text)


class SkewWatch:
    """Tells once of each issuer whose clock is far from ours."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def look(self, origin: str, date: UnixTime | None, now: UnixTime) -> None:
        """Compare one answer with the clock; again told once it was right between.

        Args:
            origin: scheme, host and port.
            date: of the answer.
            now: when it came, by the wall clock.
        """
        if date is None:
            return
        ahead = Seconds(date - now)
        if abs(ahead) <= MOST_SKEW:
            self._told.discard(origin)
        elif origin not in self._told:
            self._told.add(origin)
            log.warning("outbound.clock.differs origin=%s ahead=%d", origin, ahead)
