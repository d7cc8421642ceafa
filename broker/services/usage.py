"""How much of what was allowed to restricted sockets is left."""

from collections import deque
from collections.abc import Callable

from broker.model.errors import TooManyRequestsError
from broker.model.restriction import Restriction
from broker.model.time import Instant, Seconds, UnixTime
from broker.services.socket_records import SocketRecords


class _Given:
    """The moments, on the boot clock, of the last tokens of one socket."""

    def __init__(self, since: UnixTime) -> None:
        self.since = since
        self.moments: deque[Seconds] = deque()


class SocketUsage:
    """Counts tokens: in memory for a rate, in the store for a number.

    Args:
        records: of the store that is open; raises where none is.
    """

    def __init__(self, records: Callable[[], SocketRecords]) -> None:
        self._records = records
        self._given: dict[str, _Given] = {}

    def count(self, restriction: Restriction, now: Instant) -> None:
        """Refuses what is over the rate, or the number, see `Usage.count`.

        In any `seconds` there are `most` at most: the moments of the last ones are
        kept, on the boot clock, and nothing is kept over a restart.
        """
        if restriction.uses is not None:
            self._records().require_left(restriction)
        rate = restriction.rate
        if rate is None:
            return
        given = self._given_by(restriction)
        while given and given[0] <= now.boot - rate.seconds:
            given.popleft()
        if len(given) >= rate.most:
            wait = given[0] + rate.seconds - now.boot
            raise TooManyRequestsError(
                socket=restriction.name, retry_after=max(1, int(wait) + 1)
            )
        given.append(now.boot)

    async def use_up(self, restriction: Restriction) -> None:
        """One use less, saved, see `Usage.use_up`."""
        await self._records().use(restriction)

    def _given_by(self, restriction: Restriction) -> deque[Seconds]:
        found = self._given.get(restriction.name)
        # Another socket may have had this name.
        if found is None or found.since != restriction.made_at:
            found = self._given[restriction.name] = _Given(restriction.made_at)
        return found.moments
