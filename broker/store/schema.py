"""The tables of a store and their statements. Knows no key: records are sealed here.

What is in clear: the store's id, the key slots, and of each record its kind, version
and the id of the data key that sealed it. Names are not: see `sealing.row_id`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from broker.model.veiled import Veiled
from broker.store.sealing import HEAD_BYTES, KEY_ID_BYTES, SALT_BYTES, STORE_ID_BYTES

Kind = Literal["grant", "setting", "head"]
"""What a record is; the one head counts the writes, see `head`."""

Presence = tuple[str, bytes, int, bytes]
"""What stands for a record in the digest: kind, id, version, the salt of its seal."""

APPLICATION_ID = int.from_bytes(b"brkd", "big")
"""SQLite's own place for "whose file is this" (the header, at offset 68)."""

HEAD_ID = bytes(32)
"""The row of the head; no HMAC comes out as this."""

HIGHEST = 2**63 - 1
"""SQLite's highest integer."""

MAJOR = 2
"""SQLite's `user_version`. A newer one is refused; new tables alone do not raise it.

1: no head, and one key slot. 2: a head, which every write moves on.
"""

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


_COLUMNS = "id, kind, version, key_id, sealed"


class NotAStoreError(Exception):
    """The file is not a store that this version can read; the text says why."""


class KeySlot(Veiled, frozen=True, kw_only=True):
    """One of the ways to the keys of the store.

    Attributes:
        number: by which people name it; from 1 on.
        source: the name of the key source.
        parameters: the source's own text, see `keys.source.NewKey`.
        wrapped: the keys, see `sealing.wrap_keys`.
    """

    veiled = frozenset({"wrapped"})

    number: int
    source: str
    parameters: str
    wrapped: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a store says of itself without a key.

    Attributes:
        store_id: 16 bytes.
        slots: in the order of their numbers, at least one.
        major: the format that it has now, see `MAJOR`.
    """

    store_id: bytes
    slots: tuple[KeySlot, ...]
    major: int = MAJOR


class Row(Veiled, frozen=True, kw_only=True, gc=False):
    """One sealed record; see `sealing.Place` for the members."""

    veiled = frozenset({"sealed"})

    id: bytes
    version: int
    key_id: bytes
    sealed: bytes


def write_header(connection: sqlite3.Connection, header: Header) -> None:
    """Make the tables in an empty file."""
    connection.executescript(_TABLES)
    connection.execute("INSERT INTO store (id) VALUES (?)", (header.store_id,))
    for slot in header.slots:
        write_slot(connection, slot)


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
    for table in ("record", "damaged_record"):  # an error, where one is not as it was
        connection.execute(f"SELECT {_COLUMNS} FROM {table} LIMIT 0")  # noqa: S608 - constants of ours
    ids = connection.execute("SELECT id FROM store").fetchall()
    slots = read_slots(connection)
    match ids:
        case [(bytes() as store_id,)] if slots and len(store_id) == STORE_ID_BYTES:
            return Header(store_id=store_id, slots=slots, major=major)
    raise NotAStoreError("its id or its key slots are missing")


def write_major(connection: sqlite3.Connection) -> None:
    """Say that the store has today's format; part of the transaction like any row."""
    connection.execute(f"PRAGMA user_version = {MAJOR}")


def read_slots(connection: sqlite3.Connection) -> tuple[KeySlot, ...]:
    """The key slots, in the order of their numbers."""
    found = connection.execute(
        "SELECT slot, source, parameters, wrapped FROM key_slot ORDER BY slot"
    )
    return tuple(map(_slot, found.fetchall()))


def write_slot(connection: sqlite3.Connection, slot: KeySlot) -> None:
    """Add the slot, or put it in the place of the one with its number."""
    connection.execute(
        "INSERT OR REPLACE INTO key_slot (slot, source, parameters, wrapped)"
        " VALUES (?, ?, ?, ?)",
        (slot.number, slot.source, slot.parameters, slot.wrapped),
    )


def delete_slot(connection: sqlite3.Connection, number: int) -> None:
    """Take the slot away."""
    connection.execute("DELETE FROM key_slot WHERE slot = ?", (number,))


def select_all_rows(connection: sqlite3.Connection) -> list[tuple[str, Row]]:
    """Every record but the head."""
    found = connection.execute(
        "SELECT kind, id, version, key_id, sealed FROM record WHERE kind != 'head'"
    )
    return [(str(kind), _row(values)) for kind, *values in found]


def select_presences(connection: sqlite3.Connection) -> Iterator[Presence]:
    """Every record but the head, without what is in it."""
    found = connection.execute(
        "SELECT kind, id, version, substr(sealed, 1, ?) FROM record"
        " WHERE kind != 'head'",
        (HEAD_BYTES + SALT_BYTES,),
    )
    return (
        _presence(kind, row_id, version, begun)
        for kind, row_id, version, begun in found
        if isinstance(row_id, bytes) and isinstance(version, int)
    )


def presence_of(kind: str, row: Row) -> Presence:
    """What stands for a row."""
    return _presence(kind, row.id, row.version, row.sealed)


def _presence(kind: object, row_id: bytes, version: int, sealed: object) -> Presence:
    salt = sealed[HEAD_BYTES:][:SALT_BYTES] if isinstance(sealed, bytes) else b""
    return str(kind), row_id, max(version, 0), salt


def select_key_ids(connection: sqlite3.Connection) -> set[object]:
    """The id of the data key of every record, the head's too."""
    found = connection.execute("SELECT DISTINCT key_id FROM record").fetchall()
    return {key for (key,) in found}


def select_row(connection: sqlite3.Connection, kind: Kind, row_id: bytes) -> Row | None:
    """One record, or None."""
    found = connection.execute(
        "SELECT id, version, key_id, sealed FROM record WHERE kind = ? AND id = ?",
        (kind, row_id),
    ).fetchone()
    return None if found is None else _row(found)


def insert_row(connection: sqlite3.Connection, kind: str, row: Row) -> bool:
    """Whether the record could be added: False where there is one."""
    done = connection.execute(
        "INSERT INTO record (id, kind, version, key_id, sealed)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (row.id, kind, row.version, row.key_id, row.sealed),
    )
    return done.rowcount == 1


def update_row(
    connection: sqlite3.Connection, kind: str, row: Row, *, replaces: int
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


def set_aside(connection: sqlite3.Connection, row_id: bytes) -> tuple[Presence, ...]:
    """Make room where a record lies that does not open, if any. Nothing is lost.

    Returns:
        what lay there, as for `head.advance`.
    """
    gone = connection.execute(
        "SELECT kind, version, sealed FROM record WHERE id = ?", (row_id,)
    ).fetchall()
    connection.execute(
        f"INSERT INTO damaged_record ({_COLUMNS})"  # noqa: S608 - a constant of ours
        f" SELECT {_COLUMNS} FROM record WHERE id = ?",
        (row_id,),
    )
    connection.execute("DELETE FROM record WHERE id = ?", (row_id,))
    return tuple(
        _presence(kind, row_id, version, sealed)
        for kind, version, sealed in gone
        if isinstance(version, int)
    )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _slot(values: tuple[object, ...]) -> KeySlot:
    match values:
        case (int() as number, str() as source, str() as text, bytes() as wrapped):
            return KeySlot(
                number=number, source=source, parameters=text, wrapped=wrapped
            )
    raise NotAStoreError("a key slot is damaged")


def _row(values: Sequence[object]) -> Row:
    """The row; one of other types than we write becomes one that cannot open."""
    match values:
        case (bytes() as row_id, int() as version, bytes() as key, bytes() as sealed):
            return Row(id=row_id, version=max(version, 0), key_id=key, sealed=sealed)
        case (bytes() as row_id, *_):
            return Row(id=row_id, version=0, key_id=b"", sealed=b"")
    return Row(id=b"", version=0, key_id=b"", sealed=b"")
