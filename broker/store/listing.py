"""The grants of a store at one moment, each unsealed only when it is come to.

Knows no file: the rows are in memory, as they lay on the disk. On the way to the end
the digest of the head is checked, too.
"""

from collections.abc import Callable, Iterator
from typing import Self

from broker.model.account import AccountName
from broker.model.grant import Grant
from broker.store.schema import Kind, Row, presence_of
from broker.store.sealer import Sealer

GRANT: Kind = "grant"


class Listing(Iterator[Grant]):
    """Satisfies `services.interfaces.Listing`."""

    def __init__(
        self,
        rows: list[tuple[str, Row]],
        digest: bytes | None,
        sealer: Sealer,
        opened: Callable[[Row], Grant | None],
    ) -> None:
        """Take what a store holds; nothing is unsealed yet.

        Args:
            rows: every record but the head, of one moment.
            digest: what the head said of them then; None where it did not open.
            sealer: of the store.
            opened: the grant of a row; None where it does not open, which it tells.
        """
        self._rows = rows
        self._sealed = {row.id: row for kind, row in rows if kind == GRANT}
        self._ready: dict[bytes, Grant] = {}
        # Each presence is taken out of it; nothing is left where all of them are right.
        self._left = -1 if digest is None else int.from_bytes(digest, "big")
        self._sealer = sealer
        self._opened = opened

    @property
    def is_altered(self) -> bool:
        """Whether other records are there than were saved; False until the end."""
        return not self._rows and self._left != 0

    def __iter__(self) -> Self:
        """Those that have not come yet."""
        return self

    def __next__(self) -> Grant:
        """One more that opens, in no order."""
        if self._ready:
            return self._ready.popitem()[1]
        found = self._next_that_opens()
        if found is None:
            # A dict stays as large as it has ever been, else.
            self._ready.clear()
            self._sealed.clear()
            raise StopIteration
        return found[1]

    def take(self, name: AccountName) -> Grant | None:
        """This one now, where it has not come yet, and opens."""
        row_id = self._sealer.row_id(GRANT, name)
        if row_id in self._ready:
            return self._ready.pop(row_id)
        row = self._sealed.pop(row_id, None)
        return None if row is None else self._opened(row)

    def finish(self) -> None:
        """Unseal the rest, which still comes: all damage is known then."""
        while (found := self._next_that_opens()) is not None:
            row_id, grant = found
            self._ready[row_id] = grant

    def pass_over(self, row_id: bytes) -> None:
        """Something newer has taken its place: what is here does not come any more."""
        self._sealed.pop(row_id, None)
        self._ready.pop(row_id, None)

    def _next_that_opens(self) -> tuple[bytes, Grant] | None:
        while self._rows:
            kind, row = self._rows.pop()
            self._count(kind, row)
            sealed = self._sealed.pop(row.id, None)
            grant = None if sealed is None else self._opened(sealed)
            if grant is not None:
                return row.id, grant
        return None

    def _count(self, kind: str, row: Row) -> None:
        # A row without an id is none that we wrote, and none that the head knows.
        if row.id:
            presence = self._sealer.presence(*presence_of(kind, row))
            self._left ^= int.from_bytes(presence, "big")
