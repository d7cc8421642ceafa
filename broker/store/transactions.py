"""What is done in one transaction of an open store. On the thread of its database.

Knows no file. A record that does not open is counted, and put aside when another takes
its place.
"""

import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from broker.model.account import AccountName
from broker.model.errors import SettingDamagedError, StoreFailedError
from broker.model.grant import Grant
from broker.store.head import advance, prepare, read_head
from broker.store.listing import GRANT, Listing
from broker.store.records import (
    RecordError,
    grant_record,
    grant_record_over,
    parse_grant,
    parse_setting,
)
from broker.store.schema import (
    Kind,
    Presence,
    Row,
    delete_row,
    insert_row,
    presence_of,
    select_all_rows,
    select_row,
    set_aside,
    update_row,
)
from broker.store.sealer import Sealer
from broker.store.sealing import SealBrokenError, SealNewerError

log = logging.getLogger(__name__)

T = TypeVar("T")

SETTING: Kind = "setting"


class Transactions:
    """Reads and writes the records of one store.

    Attributes:
        damaged: the rows that do not open.
    """

    def __init__(self, sealer: Sealer) -> None:
        self.damaged: set[bytes] = set()
        self._sealer = sealer

    def listed(self, connection: sqlite3.Connection) -> Listing:
        """Every grant, to be unsealed one by one; also counts what does not open."""
        head = read_head(connection, self._sealer)
        digest = None if head is None else head.digest
        rows = select_all_rows(connection)
        return Listing(rows, digest, self._sealer, self._opened_grant)

    def read_grant(
        self, name: AccountName, connection: sqlite3.Connection
    ) -> Grant | None:
        """The grant, or None where there is none that opens."""
        row = select_row(connection, GRANT, self._sealer.row_id(GRANT, name))
        return None if row is None else self._opened_grant(row)

    def put_grant(
        self,
        row_id: bytes,
        grant: Grant,
        replaces: int | None,
        connection: sqlite3.Connection,
    ) -> int | None:
        """Save it in the place of version `replaces`; the new generation.

        Returns:
            None where another version is there; nothing has changed.
        """
        prepare(connection, self._sealer)
        there = select_row(connection, GRANT, row_id)
        if replaces is None:
            if there is not None and self._opened_grant(there) is not None:
                return None
        elif there is None or there.version != replaces:
            return None
        before = None if there is None else self._opened(GRANT, there, bytes)
        if replaces is not None and there is not None and before is not None:
            record = encoded(partial(grant_record_over, grant, before))
            row = self._sealer.seal(GRANT, row_id, grant.version, record)
            update_row(connection, GRANT, row, replaces=replaces)
            changed = presence_of(GRANT, there), presence_of(GRANT, row)
            return self._advance(connection, *changed)
        record = encoded(partial(grant_record, grant))
        row = self._sealer.seal(GRANT, row_id, grant.version, record)
        gone = set_aside(connection, row_id)
        insert_row(connection, GRANT, row)
        return self._advance(connection, *gone, presence_of(GRANT, row))

    def delete_grant(
        self, row_id: bytes, replaces: int, connection: sqlite3.Connection
    ) -> int | None:
        """Forget version `replaces`; the same as `put_grant` otherwise."""
        prepare(connection, self._sealer)
        there = select_row(connection, GRANT, row_id)
        if there is None or there.version != replaces:
            return None
        delete_row(connection, GRANT, row_id, replaces=replaces)
        return self._advance(connection, presence_of(GRANT, there))

    def read_setting(self, key: str, connection: sqlite3.Connection) -> str | None:
        """The setting, or None where there is none.

        Raises:
            SettingDamagedError: there is one, and it does not open.
        """
        row = select_row(connection, SETTING, self._sealer.row_id(SETTING, key))
        if row is None:
            return None
        value = self._opened(SETTING, row, parse_setting)
        if value is None:
            raise SettingDamagedError(what=f"the setting {key!r} is damaged")
        return value

    def put_setting(
        self, row_id: bytes, record: bytes | None, connection: sqlite3.Connection
    ) -> int:
        """Set it, or forget it where `record` is None; the new generation."""
        prepare(connection, self._sealer)
        there = select_row(connection, SETTING, row_id)
        version = 0
        if there is None or self._opened(SETTING, there, parse_setting) is None:
            changed = set_aside(connection, row_id)
        else:
            version = there.version
            changed = (presence_of(SETTING, there),)
            delete_row(connection, SETTING, row_id, replaces=version)
        if record is not None:
            row = self._sealer.seal(SETTING, row_id, version + 1, record)
            insert_row(connection, SETTING, row)
            changed = (*changed, presence_of(SETTING, row))
        return self._advance(connection, *changed)

    def _opened_grant(self, row: Row) -> Grant | None:
        return self._opened(GRANT, row, parse_grant)

    def _opened(self, kind: Kind, row: Row, parse: Callable[[bytes], T]) -> T | None:
        try:
            return parse(self._sealer.open(kind, row))
        except (SealBrokenError, SealNewerError, RecordError) as exc:
            if row.id not in self.damaged:
                self.damaged.add(row.id)
                log.warning("store.record.damaged fault=%s", type(exc).__name__)
            return None

    def _advance(self, connection: sqlite3.Connection, *changed: Presence) -> int:
        return advance(connection, self._sealer, *changed)


def encoded(record: Callable[[], T]) -> T:
    """What `record` gives.

    Raises:
        StoreFailedError: it cannot be written down.
    """
    try:
        return record()
    except RecordError as exc:
        raise StoreFailedError(what=str(exc)) from exc
