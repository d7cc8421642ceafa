"""How much of what was allowed to restricted sockets is left."""

from broker.model.errors import NotPermittedError
from broker.model.restriction import Restriction
from broker.model.time import Instant


class SocketUsage:
    """Counts nothing yet, and so allows nothing that is to be counted."""

    def count(self, restriction: Restriction, now: Instant) -> None:
        """Refuses, see `Usage.count`."""
        del now
        raise NotPermittedError(what=f"{restriction.name!r} cannot be counted")

    async def use_up(self, restriction: Restriction) -> None:
        """Refuses, see `Usage.use_up`."""
        raise NotPermittedError(what=f"{restriction.name!r} cannot be counted")
