"""Whoever has just given no ID token of any use is left in peace for a while."""

from typing import TYPE_CHECKING

import msgspec

from broker.model.errors import BrokerError
from broker.model.grant import Grant
from broker.model.time import Seconds, UnixTime
from broker.services.interfaces import Clock

if TYPE_CHECKING:
    from broker.model.account import AccountName

PAUSE = Seconds(60)
"""An issuer is not asked again before: what a refresh gives besides is not worth one
for each request."""

MOST_REMEMBERED = 256
"""Over all accounts; a peer may think of any number of audiences."""


class _Vain(msgspec.Struct, frozen=True, kw_only=True):
    """One try.

    Attributes:
        granted_at: of the grant: after another sign-in it says nothing.
        until: when the issuer is asked again, on the boot clock.
        error: what came of it.
    """

    granted_at: UnixTime
    until: Seconds
    error: BrokerError


class AskedInVain:
    """What came of tries, by account and audience."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vain: dict[tuple[AccountName, str | None], _Vain] = {}

    def require_worth(self, grant: Grant, audience: str | None = None) -> None:
        """Nothing, where it is worth asking.

        Raises:
            BrokerError: what came of it the last time, a moment ago.
        """
        vain = self._vain.get((grant.account.name, audience))
        if vain is None or vain.granted_at != grant.granted_at:
            return
        if self._clock.now().boot < vain.until:
            raise vain.error.again()

    def note(
        self, grant: Grant, error: BrokerError, audience: str | None = None
    ) -> None:
        """What has just come of it."""
        place = (grant.account.name, audience)
        self._vain.pop(place, None)
        while len(self._vain) >= MOST_REMEMBERED:
            del self._vain[next(iter(self._vain))]
        self._vain[place] = _Vain(
            granted_at=grant.granted_at,
            until=Seconds(self._clock.now().boot + PAUSE),
            error=error.again(),
        )
