"""The nonces of servers that want one in each proof (RFC 9449 sections 8 and 9)."""

from collections.abc import Hashable

KEPT_NONCES = 256
"""At most; those that were not heard of for longest go first. Lost, one costs a
request."""


class Nonces:
    """The last nonce of each server, in memory alone: they live for minutes."""

    def __init__(self) -> None:
        self._nonces: dict[Hashable, str] = {}

    def find(self, server: Hashable) -> str | None:
        """What the next proof for this server is to hold, or None."""
        return self._nonces.get(server)

    def heard(self, server: Hashable, nonce: str | None) -> None:
        """Keep what the server gave; where it gave none, the last stays good."""
        if nonce is None:
            return
        self._nonces.pop(server, None)
        self._nonces[server] = nonce
        if len(self._nonces) > KEPT_NONCES:
            del self._nonces[next(iter(self._nonces))]
