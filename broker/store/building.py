"""A new store file, built under another name and only then given its own.

Knows no grant. A crash at any moment leaves a whole store or none.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from broker.host.files import (
    flush_file,
    name_also,
    private_file,
    publish,
    remove_leftover,
    replace,
)
from broker.model.errors import BrokerError, StoreExistsError, StoreFailedError
from broker.model.secret import SecretBytes
from broker.store.connection import SQLITE_ERRORS, connect_to_build
from broker.store.head import begin
from broker.store.keys.source import KeySource
from broker.store.schema import Header, write_header
from broker.store.sealer import Sealer, new_slot
from broker.store.sealing import KEY_BYTES, NONCE_BYTES, STORE_ID_BYTES, DataKeys

Fill = Callable[[sqlite3.Connection, Sealer], None]
"""Writes records into an empty store, sealed by its own sealer."""

SIDE_FILES = ("-wal", "-journal", "-shm")


def build_store(
    path: Path,
    source: KeySource,
    random: Callable[[int], bytes],
    *,
    fill: Fill | None = None,
    index: SecretBytes | None = None,
    aside: Path | None = None,
) -> DataKeys:
    """Make a store at `path`; blocks, so call it on a thread.

    Args:
        path: of the new file.
        source: of the key of its first slot.
        random: where fresh bytes come from.
        fill: puts records into it before it has its name; None for an empty store.
        aside: the name for a store that is there already; None where none may be.
        index: the index key, where `fill` keeps the row ids of another store.

    Returns:
        Its new keys.

    Raises:
        StoreExistsError: something has this name.
        StoreFailedError: the disk refused.
        BadRequestError, KeySourceUnavailableError: see `KeySource.make`.
    """
    header, keys = new_header(source, random, index)

    def filled(connection: sqlite3.Connection) -> None:
        write_header(connection, header)
        sealer = Sealer(header.store_id, keys, random)
        if fill is not None:
            fill(connection, sealer)
        begin(connection, sealer)

    try:
        with _errors_of_building(path):
            _write(path, filled, random, aside)
    except BrokerError:
        source.forget(header.slots[0].parameters)  # no store has it
        raise
    return keys


@contextmanager
def _errors_of_building(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as exc:
        raise StoreExistsError from exc
    except OSError as exc:
        raise StoreFailedError(what=f"{path}: {exc.strerror}") from exc
    except SQLITE_ERRORS as exc:
        raise StoreFailedError(what=f"{path}: {exc}") from exc


def new_header(
    source: KeySource, random: Callable[[int], bytes], index: SecretBytes | None
) -> tuple[Header, DataKeys]:
    """What a new store says of itself, and the keys behind its one slot; blocks.

    Raises:
        BadRequestError, KeySourceUnavailableError: see `KeySource.make`.
    """
    store_id = random(STORE_ID_BYTES)
    keys = DataKeys(
        data=SecretBytes(random(KEY_BYTES)),
        index=index or SecretBytes(random(KEY_BYTES)),
    )
    made = source.make(random, store_id)
    slot = new_slot(
        1,
        source.name,
        made.parameters,
        key=made.key,
        keys=keys,
        store_id=store_id,
        nonce=random(NONCE_BYTES),
    )
    return Header(store_id=store_id, slots=(slot,)), keys


def clean_up(path: Path) -> None:
    """Take away a store that a crash left unfinished."""
    temporary = _temporary(path)
    for name in (temporary.name, *(temporary.name + side for side in SIDE_FILES)):
        remove_leftover(path.with_name(name))


def _write(
    path: Path,
    fill: Callable[[sqlite3.Connection], None],
    random: Callable[[int], bytes],
    aside: Path | None,
) -> None:
    temporary = _temporary(path)
    clean_up(path)
    try:
        with private_file(temporary):
            pass
        with closing(connect_to_build(temporary)) as connection:
            fill(connection)
        flush_file(temporary)
        if aside is None or not os.path.lexists(path):
            _set_orphans_aside(path, random(4).hex())
            publish(temporary, path)
        else:
            _name_aside(path, aside)
            replace(temporary, path)
    finally:
        clean_up(path)


def _name_aside(path: Path, aside: Path) -> None:
    """Give an old store the name that it will have when a new one has its place.

    It keeps its own until then, so that a crash leaves the old one there, or the new.
    Its log goes with the other name: SQLite would play it into the new store.
    """
    is_file = path.is_symlink() or not path.is_dir()
    name_also(path, aside) if is_file else path.rename(aside)
    for side in SIDE_FILES:
        beside = path.with_name(path.name + side)
        if os.path.lexists(beside):
            beside.rename(aside.with_name(aside.name + side))


def _set_orphans_aside(path: Path, mark: str) -> None:
    """Rename what a lost store left: SQLite would play its log into the new one."""
    if path.exists():
        return
    for side in SIDE_FILES:
        orphan = path.with_name(path.name + side)
        if orphan.exists():
            orphan.rename(orphan.with_name(f"{orphan.name}.orphan-{mark}"))


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".new")
