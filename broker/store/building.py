"""A new store file, built under another name and only then given its own.

Knows no grant. A crash at any moment leaves a whole store or none.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from broker.model.errors import StoreExistsError, StoreFailedError
from broker.model.secret import SecretBytes
from broker.store.connection import connect_to_build
from broker.store.files import flush_file, private_file, publish, remove_leftover
from broker.store.keys.source import KeySource
from broker.store.schema import Header, write_header
from broker.store.sealer import new_slot
from broker.store.sealing import KEY_BYTES, NONCE_BYTES, STORE_ID_BYTES

_SIDE_FILES = ("-wal", "-journal", "-shm")


def build_store(
    path: Path, source: KeySource, random: Callable[[int], bytes]
) -> SecretBytes:
    """Make an empty store at `path`; blocks, so call it on a thread.

    Returns:
        Its new data key.

    Raises:
        StoreExistsError: something has this name.
        StoreFailedError: the disk refused.
        BadRequestError, KeySourceUnavailableError: see `KeySource.make`.
    """
    store_id, data_key = random(STORE_ID_BYTES), SecretBytes(random(KEY_BYTES))
    made = source.make(random, store_id)
    slot = new_slot(
        source.name,
        made.parameters,
        key=made.key,
        data_key=data_key,
        store_id=store_id,
        nonce=random(NONCE_BYTES),
    )
    try:
        _write(path, Header(store_id=store_id, slots=(slot,)), random)
    except FileExistsError as exc:
        raise StoreExistsError from exc
    except OSError as exc:
        raise StoreFailedError(what=f"{path}: {exc.strerror}") from exc
    except sqlite3.Error as exc:
        raise StoreFailedError(what=f"{path}: {exc}") from exc
    return data_key


def clean_up(path: Path) -> None:
    """Take away a store that a crash left unfinished."""
    temporary = _temporary(path)
    for name in (temporary.name, *(temporary.name + side for side in _SIDE_FILES)):
        remove_leftover(path.with_name(name))


def _write(path: Path, header: Header, random: Callable[[int], bytes]) -> None:
    temporary = _temporary(path)
    clean_up(path)
    try:
        with private_file(temporary):
            pass
        with closing(connect_to_build(temporary)) as connection:
            write_header(connection, header)
        flush_file(temporary)
        _set_orphans_aside(path, random(4).hex())
        publish(temporary, path)
    finally:
        clean_up(path)


def _set_orphans_aside(path: Path, mark: str) -> None:
    """Rename what a lost store left: SQLite would play its log into the new one."""
    if path.exists():
        return
    for side in _SIDE_FILES:
        orphan = path.with_name(path.name + side)
        if orphan.exists():
            orphan.rename(orphan.with_name(f"{orphan.name}.orphan-{mark}"))


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".new")
