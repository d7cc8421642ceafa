"""Clocks that differ: the `Date` of an issuer's answers beside our own wall clock.

A machine whose clock is wrong takes tokens for fresh that are not, or the reverse: the
log warns of it once, and the status tells it for as long as it is so.
"""

import logging

import msgspec

from broker.model.http import HttpResponse
from broker.model.time import Instant, Seconds
from broker.oauth.http_date import clock_offset

log = logging.getLogger(__name__)

NOTICED = Seconds(60)
"""No token's end is planned closer than this; clocks that are kept differ by less."""


class Skew(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer whose clock is not ours.

    Attributes:
        issuer: its URL.
        ahead: seconds by which its clock is ahead of ours; negative: behind.
    """

    issuer: str
    ahead: Seconds


class Skews:
    """The last word of each issuer about the time."""

    def __init__(self) -> None:
        self._ahead: dict[str, Seconds] = {}

    def heard(
        self, issuer: str, response: HttpResponse, *, sent: Instant, answered: Instant
    ) -> None:
        """Compare an answer's `Date` with the moments around it."""
        date = response.date
        if date is None:
            return
        ahead = clock_offset(date, sent=sent.wall, answered=answered.wall)
        if abs(ahead) < NOTICED:
            self._ahead.pop(issuer, None)
            return
        if issuer not in self._ahead:
            log.warning("issuer.clock.differs issuer=%s ahead=%d", issuer, ahead)
        self._ahead[issuer] = ahead

    def ahead(self, issuer: str) -> Seconds | None:
        """By how much the issuer's clock is ahead of ours; None where they agree."""
        return self._ahead.get(issuer)

    def all(self) -> list[Skew]:
        """Every issuer whose clock is not ours."""
        return [
            Skew(issuer=issuer, ahead=ahead) for issuer, ahead in self._ahead.items()
        ]
