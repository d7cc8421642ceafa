"""All that a store holds, on its way into another: a backup and its return.

A backup is a store of its own, in one file, with other keys and one key slot: a
passphrase. Row ids and versions stay, so that nothing must be read to be copied.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

import msgspec
from msgspec.structs import replace

from broker.model.errors import BackupInvalidError, LockedError, StoreCorruptError
from broker.model.grant import Grant, Intent, IntentCause
from broker.model.secret import SecretBytes
from broker.model.time import UnixTime
from broker.store.building import new_header
from broker.store.connection import SQLITE_ERRORS, connect_in_memory
from broker.store.head import StrangeKeyError, begin, find, fits
from broker.store.keys.source import KeySource
from broker.store.recalling import recalled
from broker.store.records import (
    RecordError,
    grant_record,
    grant_record_over,
    parse_grant,
)
from broker.store.schema import (
    NotAStoreError,
    insert_row,
    read_header,
    select_all_rows,
    write_header,
)
from broker.store.sealer import Sealer
from broker.store.sealing import SealBrokenError, SealNewerError


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    id: bytes
    version: int
    plain: SecretBytes


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """Every record that opens, in clear; the head is not one of them.

    Attributes:
        index: the index key that the row ids come from.
        records: secrets; have no text form.
        damaged: how many more there were that do not open.
    """

    index: SecretBytes
    records: tuple[_Record, ...]
    damaged: int = 0

    def put_into(self, connection: sqlite3.Connection, sealer: Sealer) -> None:
        """Seal every record for another store, and write it there."""
        for record in self.records:
            plain = record.plain.reveal()
            row = sealer.seal(record.kind, record.id, record.version, plain)
            insert_row(connection, record.kind, row)

    def with_newest(self, grants: Sequence[Grant], sealer: Sealer) -> "Contents":
        """The same, with these grants in the place of the accounts' own.

        Args:
            grants: what the disk has refused.
            sealer: of the store that the contents are of.

        Raises:
            RecordError: see `grant_record`.
        """
        records = {record.id: record for record in self.records}
        for grant in grants:
            row = sealer.row_id("grant", grant.account.name)
            records[row] = _newest(grant, row, records.get(row))
        return replace(self, records=tuple(records.values()))

    def restored(self, at: UnixTime) -> "Contents":
        """The same, with each grant marked: a newer refresh token may be elsewhere."""
        mark = Intent(since=at, cause=IntentCause.RESTORE)
        records = tuple(_marked(record, mark) for record in self.records)
        return replace(self, records=records)


def _newest(grant: Grant, row: bytes, before: _Record | None) -> _Record:
    if before is None:
        plain = grant_record(grant)
    else:
        plain = grant_record_over(grant, before.plain.reveal())
    sealed = SecretBytes(plain)
    return _Record(kind="grant", id=row, version=grant.version, plain=sealed)


def read_contents(connection: sqlite3.Connection, sealer: Sealer) -> Contents:
    """What is in an open store."""
    records, damaged = [], 0
    for kind, row in select_all_rows(connection):
        try:
            plain = SecretBytes(sealer.open(kind, row))
        except (SealBrokenError, SealNewerError):
            damaged += 1
            continue
        records.append(_Record(kind=kind, id=row.id, version=row.version, plain=plain))
    index = sealer.keys.index
    return Contents(index=index, records=tuple(records), damaged=damaged)


def backup_of(
    contents: Contents, source: KeySource, random: Callable[[int], bytes]
) -> bytes:
    """The bytes of a backup that `source` opens; blocks.

    Raises:
        BadRequestError: see `KeySource.make`.
    """
    header, keys = new_header(source, random, contents.index)
    sealer = Sealer(header.store_id, keys, random)
    with closing(connect_in_memory()) as connection:
        write_header(connection, header)
        contents.put_into(connection, sealer)
        begin(connection, sealer)
        return connection.serialize()


def parse_backup(data: bytes, source: KeySource) -> Contents:
    """What is in a backup; blocks.

    Raises:
        BackupInvalidError: the bytes are none, or damaged.
        WrongPassphraseError: `source` does not open it.
    """
    try:
        with closing(connect_in_memory(data)) as connection:
            header = read_header(connection)
            _, _, keys = recalled(header, [source], "the backup")
            sealer = Sealer(header.store_id, keys, _no_random)
            contents = read_contents(connection, sealer)
            find(connection, sealer, header)
            is_altered = not fits(connection, sealer)
    except (StoreCorruptError, LockedError) as exc:
        what = exc.reason if isinstance(exc, LockedError) else exc.what
        raise BackupInvalidError(what=what) from exc
    except (NotAStoreError, StrangeKeyError) as exc:
        raise BackupInvalidError(what=str(exc)) from exc
    except SQLITE_ERRORS as exc:
        what = "`brokerctl backup` did not write it, or it is damaged"
        raise BackupInvalidError(what=what) from exc
    if contents.damaged or is_altered:
        raise BackupInvalidError(what="records in it are damaged or missing")
    return contents


def _no_random(size: int) -> bytes:
    """A backup is read, never written to."""
    raise BackupInvalidError(what=f"its head is missing ({size} bytes wanted)")


def _marked(record: _Record, mark: Intent) -> _Record:
    if record.kind != "grant":
        return record
    try:
        grant = parse_grant(record.plain.reveal())
    except RecordError:
        return record
    if grant.refresh_token is None:
        return record
    plain = SecretBytes(grant_record(replace(grant, intent=mark)))
    return replace(record, plain=plain)
