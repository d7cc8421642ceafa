"""The tables of a store and their statements. Knows no key: records are sealed here.

What is in clear: the store's id, the key slots, and of each record its kind, version
and the id of the data key that sealed it. Names are not: see `sealing.row_id`.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from broker.store.sealing import KEY_ID_BYTES, STORE_ID_BYTES

Kind = Literal["grant", "setting"]

APPLICATION_ID = int.from_bytes(b"brkd", "big")
"""SQLite's own place for "whose file is this" (the header, at offset 68)."""

MAJOR = 1
"""SQLite's `user_version`. A newer one is refused; new tables alone do not raise it."""

_TABLES = f"""
CREATE TABLE store (id BLOB NOT NULL CHECK (length(id) = {STORE_ID_BYTES}));
CREATE TABLE key_slot (
    slot INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    parameters TEXT NOT NULL,
    wrapped BLOB NOT NULL
);
CREATE TABLE record (
    id BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 0),
    key_id BLOB NOT NULL CHECK (length(key_id) = {KEY_ID_BYTES}),
    sealed BLOB NOT NULL
);
CREATE TABLE damaged_record (id BLOB, kind TEXT, version INTEGER, key_id BLOB,
                             sealed BLOB);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {MAJOR};
"""


class NotAStoreError(Exception):
    """The file is not a store that this version can read; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """One way to the data key. This version writes one; there may be more.

    Attributes:
        source: the name of the key source.
        parameters: the source's own text, see `keys.source.NewKey`.
        wrapped: the data key, see `sealing.wrap_key`.
    """

    source: str
    parameters: str
    wrapped: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a store says of itself without a key; slots in their order, at least one."""

    store_id: bytes
    slots: tuple[KeySlot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sealed record; see `sealing.Place` for the members."""

    id: bytes
    version: int
    key_id: bytes
    sealed: bytes


def write_header(connection: sqlite3.Connection, header: Header) -> None:
    """Make the tables in an empty file."""
    connection.executescript(_TABLES)
    connection.execute("INSERT INTO store (id) VALUES (?)", (header.store_id,))
    connection.executemany(
        "INSERT INTO key_slot (source, parameters, wrapped) VALUES (?, ?, ?)",
        [(slot.source, slot.parameters, slot.wrapped) for slot in header.slots],
    )


def read_header(connection: sqlite3.Connection) -> Header:
    """What the store says of itself.

    Raises:
        NotAStoreError: not ours, newer than we are, or without an id or a key slot.
    """
    if _number(connection, "application_id") != APPLICATION_ID:
        raise NotAStoreError("it is not a store of brokerd")
    major = _number(connection, "user_version")
    if major > MAJOR:
        raise NotAStoreError(
            f"a newer brokerd made it (format {major}; this one reads {MAJOR})"
        )
    ids = connection.execute("SELECT id FROM store").fetchall()
    slots = connection.execute(
        "SELECT source, parameters, wrapped FROM key_slot ORDER BY slot"
    ).fetchall()
    match ids:
        case [(bytes() as store_id,)] if slots and len(store_id) == STORE_ID_BYTES:
            return Header(store_id=store_id, slots=tuple(map(_slot, slots)))
    raise NotAStoreError("its id or its key slots are missing")


def select_rows(connection: sqlite3.Connection, kind: Kind) -> list[Row]:
    """Every record of a kind."""
    found = connection.execute(
        "SELECT id, version, key_id, sealed FROM record WHERE kind = ?", (kind,)
    )
    return [_row(values) for values in found]


def select_row(connection: sqlite3.Connection, kind: Kind, row_id: bytes) -> Row | None:
    """One record, or None."""
    found = connection.execute(
        "SELECT id, version, key_id, sealed FROM record WHERE kind = ? AND id = ?",
        (kind, row_id),
    ).fetchone()
    return None if found is None else _row(found)


def insert_row(connection: sqlite3.Connection, kind: Kind, row: Row) -> bool:
    """Whether the record could be added: False where there is one."""
    done = connection.execute(
        "INSERT INTO record (id, kind, version, key_id, sealed)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (row.id, kind, row.version, row.key_id, row.sealed),
    )
    return done.rowcount == 1


def update_row(
    connection: sqlite3.Connection, kind: Kind, row: Row, *, replaces: int
) -> bool:
    """Whether the record took the place of version `replaces`, and only of that."""
    done = connection.execute(
        "UPDATE record SET version = ?, key_id = ?, sealed = ?"
        " WHERE id = ? AND kind = ? AND version = ?",
        (row.version, row.key_id, row.sealed, row.id, kind, replaces),
    )
    return done.rowcount == 1


def delete_row(
    connection: sqlite3.Connection, kind: Kind, row_id: bytes, *, replaces: int
) -> bool:
    """Whether version `replaces` was there, and is gone."""
    done = connection.execute(
        "DELETE FROM record WHERE id = ? AND kind = ? AND version = ?",
        (row_id, kind, replaces),
    )
    return done.rowcount == 1


def set_aside(connection: sqlite3.Connection, row_id: bytes) -> None:
    """Make room where a record lies that does not open, if any. Nothing is lost."""
    columns = "id, kind, version, key_id, sealed"
    connection.execute(
        f"INSERT INTO damaged_record ({columns})"  # noqa: S608 - a constant of ours
        f" SELECT {columns} FROM record WHERE id = ?",
        (row_id,),
    )
    connection.execute("DELETE FROM record WHERE id = ?", (row_id,))


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _slot(values: tuple[object, ...]) -> KeySlot:
    match values:
        case (str() as source, str() as parameters, bytes() as wrapped):
            return KeySlot(source=source, parameters=parameters, wrapped=wrapped)
    raise NotAStoreError("a key slot is damaged")


def _row(values: tuple[object, ...]) -> Row:
    """The row; one of other types than we write becomes one that cannot open."""
    match values:
        case (bytes() as row_id, int() as version, bytes() as key, bytes() as sealed):
            return Row(id=row_id, version=max(version, 0), key_id=key, sealed=sealed)
        case (bytes() as row_id, *_):
            return Row(id=row_id, version=0, key_id=b"", sealed=b"")
    return Row(id=b"", version=0, key_id=b"", sealed=b"")
