"""The head of a store: counts its writes, and knows which records must be there.

A sealed record of its own. Its version is the generation of the store; what is in it
is a digest over all other records (`sealing.presence`). Every write moves both on in
the same transaction, so that a record that was taken away, or put back from an old
copy, is found out, and so that two copies of one store can be told apart by age.
"""

import sqlite3
from collections.abc import Iterable

import msgspec

from broker.store.records import RecordError, head_record, parse_head
from broker.store.schema import (
    HEAD_ID,
    HIGHEST,
    Header,
    Kind,
    Presence,
    Row,
    insert_row,
    select_key_ids,
    select_presences,
    select_row,
    set_aside,
    update_row,
    write_major,
)
from broker.store.sealer import Sealer
from broker.store.sealing import WRAPPED_BYTES_1, SealBrokenError, SealNewerError

HEAD: Kind = "head"

_NOTHING = bytes(32)


class StrangeKeyError(Exception):
    """The data key at hand is not that of the store; the text says so to people."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the head says.

    Attributes:
        generation: how many writes the store has seen.
        digest: the exclusive or of the presences of all other records.
    """

    generation: int
    digest: bytes


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How a store was found when it was opened.

    Attributes:
        generation: of its last write.
        is_altered: whether nobody knows which records must be there: the head did not
            open. Whether those that it knows are there, a `Listing` tells.
    """

    generation: int
    is_altered: bool


def begin(connection: sqlite3.Connection, sealer: Sealer, generation: int = 1) -> None:
    """Write the head that fits the records that are there."""
    digest = _digest(connection, sealer)
    _write(connection, sealer, Head(generation=generation, digest=digest))


def find(connection: sqlite3.Connection, sealer: Sealer, header: Header) -> Found:
    """The head as it is, made where there is none that can be read.

    A store of format 1 is made one of today's here: in one transaction, so that a crash
    leaves the one or the other.

    Raises:
        StrangeKeyError: nothing in the store was sealed with the data key at hand.
    """
    row = select_row(connection, HEAD, HEAD_ID)
    head = None if row is None else _opened(sealer, row)
    if head is not None:
        return Found(generation=head.generation, is_altered=False)
    _require_ours(connection, sealer)
    if row is None and _is_of_format_1(header):
        begin(connection, sealer)
        write_major(connection)
        return Found(generation=1, is_altered=False)
    generation = _rebuilt(connection, sealer, row)
    return Found(generation=generation, is_altered=True)


def read_head(connection: sqlite3.Connection, sealer: Sealer) -> Head | None:
    """The head; None where there is none that opens."""
    row = select_row(connection, HEAD, HEAD_ID)
    return None if row is None else _opened(sealer, row)


def fits(connection: sqlite3.Connection, sealer: Sealer) -> bool:
    """Whether both keys are the store's, and all its records are there."""
    head = read_head(connection, sealer)
    return head is not None and head.digest == _digest(connection, sealer)


def prepare(connection: sqlite3.Connection, sealer: Sealer) -> None:
    """Before anything is sealed in a transaction: with the data key of the file."""
    row = select_row(connection, HEAD, HEAD_ID)
    if row is not None:
        sealer.use(row.key_id)


def advance(connection: sqlite3.Connection, sealer: Sealer, *changed: Presence) -> int:
    """Count a write; the new generation.

    Args:
        connection: in a transaction.
        sealer: of the store.
        changed: each record that came or went.
    """
    row = select_row(connection, HEAD, HEAD_ID)
    head = None if row is None else _opened(sealer, row)
    if row is None or head is None:  # damaged while the store was open
        return _rebuilt(connection, sealer, row)
    digest = _moved(head.digest, sealer, changed)
    moved = Head(generation=head.generation + 1, digest=digest)
    _write(connection, sealer, moved)
    return moved.generation


def begin_anew(connection: sqlite3.Connection, sealer: Sealer, above: int) -> None:
    """Take what is there for what was saved; the write that does it is yet to be
    counted, and will be the first above `above`.
    """
    row = select_row(connection, HEAD, HEAD_ID)
    begin(connection, sealer, max(row.version if row else 0, above))


def _require_ours(connection: sqlite3.Connection, sealer: Sealer) -> None:
    # A key slot of before a rotation, put back, gives the old data key: a head made
    # under it would have all that follows sealed with what may be known to others.
    there = select_key_ids(connection)
    if there and sealer.key_id not in there:
        raise StrangeKeyError("the key that it gives opens nothing in it")


def _is_of_format_1(header: Header) -> bool:
    # Who could write the number alone could have a head that tells of a record that is
    # gone taken for one that was never there.
    return header.major == 1 and all(
        len(slot.wrapped) == WRAPPED_BYTES_1 for slot in header.slots
    )


def _rebuilt(connection: sqlite3.Connection, sealer: Sealer, row: Row | None) -> int:
    """Put a head that does not open aside, and begin anew; the generation."""
    # What it says of its version may be damaged, too: half of all numbers are left.
    generation = 1 if row is None else min(row.version, HIGHEST // 2) + 1
    set_aside(connection, HEAD_ID)
    begin(connection, sealer, generation)
    return generation


def _opened(sealer: Sealer, row: Row) -> Head | None:
    try:
        digest = parse_head(sealer.open(HEAD, row))
    except (SealBrokenError, SealNewerError, RecordError):
        return None
    return Head(generation=row.version, digest=digest)


def _write(connection: sqlite3.Connection, sealer: Sealer, head: Head) -> None:
    record = head_record(head.digest)
    row = sealer.seal(HEAD, HEAD_ID, head.generation, record)
    there = select_row(connection, HEAD, HEAD_ID)
    if there is None:
        insert_row(connection, HEAD, row)
    else:
        update_row(connection, HEAD, row, replaces=there.version)


def _digest(connection: sqlite3.Connection, sealer: Sealer) -> bytes:
    return _moved(_NOTHING, sealer, select_presences(connection))


def _moved(digest: bytes, sealer: Sealer, changed: Iterable[Presence]) -> bytes:
    """The digest when each of these records has come, or has gone."""
    number = int.from_bytes(digest, "big")
    for each in changed:
        number ^= int.from_bytes(sealer.presence(*each), "big")
    return number.to_bytes(len(_NOTHING), "big")
