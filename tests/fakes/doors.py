"""Restricted sockets that are opened nowhere. Satisfies `SocketDoors`."""

from broker.model.errors import SocketUnusableError
from broker.model.restriction import Restriction


class FakeDoors:
    """Remembers which are open.

    Attributes:
        open_now: by name.
        cut: names of those that were closed, in order.
        unusable: names of those that cannot be opened.
        swept: what was known at the last sweep.
    """

    def __init__(self) -> None:
        self.open_now: dict[str, Restriction] = {}
        self.cut: list[str] = []
        self.unusable: set[str] = set()
        self.swept: frozenset[str] | None = None

    def path(self, restriction: Restriction) -> str:
        return (
            restriction.path or f"/run/brokerd/sockets/{restriction.name}/broker.sock"
        )

    async def open(self, restriction: Restriction) -> None:
        if restriction.name in self.unusable:
            raise SocketUnusableError(socket=restriction.name, what="no such folder")
        assert restriction.name not in self.open_now
        self.open_now[restriction.name] = restriction

    async def close(self, restriction: Restriction) -> None:
        del self.open_now[restriction.name]
        self.cut.append(restriction.name)

    def sweep(self, known: frozenset[str]) -> None:
        self.swept = known
