"""What was served, for whoever asks for the same in the same words. Asks nobody.

The requests of a day are few different ones, made again and again. All that was decided
for one holds for the next until a token, a grant or an issuer's state has changed, and
as long as the clocks allow: that alone is looked at each time.
"""

import msgspec

from broker.model.grant import Grant
from broker.model.token import Validity
from broker.services.circuit import Circuits
from broker.services.grants import Grants
from broker.services.interfaces import Clock
from broker.services.lineage import source, views
from broker.services.served import TokenServed, TokenWanted

MOST_OFFERS = 256
"""A peer may ask in any number of ways; the oldest go first."""


class _Offer(msgspec.Struct, frozen=True):
    """Attributes:
    served: the whole answer.
    grant: whose token it is, as it was then.
    views: through which it is served, as they were.
    validity: of the token, for the `min_ttl` that was asked for.
    """

    served: TokenServed
    grant: Grant
    views: tuple[Grant, ...]
    validity: Validity


class Offers:
    """Each request's answer, while it is the one that a new decision would give."""

    def __init__(self, *, grants: Grants, circuits: Circuits, clock: Clock) -> None:
        self._grants = grants
        self._circuits = circuits
        self._clock = clock
        self._offers: dict[TokenWanted, _Offer] = {}

    def find(self, wanted: TokenWanted) -> TokenServed | None:
        """What was served for this, if nothing has changed since; else None."""
        offer = self._offers.get(wanted)
        # A grant is a value: another one took its place at each change.
        if (
            offer is None
            or self._grants.find(offer.grant.account.name) is not offer.grant
            or self._circuits.outage(offer.grant.account.issuer.url) is not None
            or not offer.validity.holds_at(self._clock.now())
        ):
            return None
        if offer.views and views(self._grants, offer.served.account) != offer.views:
            return None
        return offer.served

    def put(self, wanted: TokenWanted, served: TokenServed) -> None:
        """Keep an answer that has just been found, where it may hold for longer."""
        # Which account is meant without a name may change with any other account.
        if wanted.account is None or served.outage is not None:
            return
        through = views(self._grants, served.account)
        grant = source(self._grants, self._grants.get(served.account))
        if len(self._offers) >= MOST_OFFERS:
            del self._offers[next(iter(self._offers))]
        validity = served.token.validity(self._clock.now(), wanted.min_ttl)
        self._offers[wanted] = _Offer(served, grant, through, validity)

    def clear(self) -> None:
        """Forget them all: a token has come or gone."""
        self._offers.clear()
