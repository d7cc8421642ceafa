"""A store file made and opened. Knows key sources, but no choice of one."""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from broker.model.errors import StoreCorruptError, StoreExistsError, StoreFailedError
from broker.store.anchor import FileAnchor
from broker.store.anchors import Anchors, recalled_anchors
from broker.store.building import build_store, clean_up
from broker.store.connection import header_of, is_damage
from broker.store.contents import Contents
from broker.store.database import Database
from broker.store.head import StrangeKeyError, find, fits
from broker.store.keys.source import KeySource
from broker.store.keys.unlock_cache import UnlockCache
from broker.store.recalling import recalled
from broker.store.schema import Header, KeySlot
from broker.store.sealer import Sealer
from broker.store.sealing import DataKeys
from broker.store.store import SealedStore

RandomBytes = Callable[[int], bytes]
Choice = Callable[[Sequence[str]], Sequence[KeySource]]
"""Of sources, given the names of those that are recorded. May raise LockedError."""


class _Key(msgspec.Struct, frozen=True, kw_only=True):
    """How the store is opened; no slot and no source where the kernel kept the keys."""

    keys: DataKeys
    slot: KeySlot | None = None
    source: KeySource | None = None


def has_store(path: Path) -> bool:
    """Whether something has the name of the store, be it a broken link."""
    return os.path.lexists(path)


def slots_of(path: Path) -> tuple[KeySlot, ...]:
    """The key slots of a store that is not open, read without a key.

    Raises:
        StoreCorruptError: the file is not a store.
        StoreFailedError: the disk refused.
    """
    return header_of(path).slots


def store_id_of(path: Path) -> bytes:
    """The id of a store that is not open; the same errors as `slots_of`."""
    return header_of(path).store_id


async def create_store(
    path: Path,
    source: KeySource,
    *,
    contents: Contents | None = None,
    aside: Path | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> SealedStore:
    """Make a new store and open it. The folder is there, and the person's alone.

    Args:
        path: of the new file.
        source: of the key of its first slot.
        contents: what is in it from the beginning, or None for nothing.
        aside: the name that a store which is there has from then on; None where there
            must be none. A crash leaves the old one in its place, or the new one.
        random: where fresh bytes come from.

    Raises:
        StoreExistsError: something has this name.
        StoreFailedError: the disk refused.
        BadRequestError, KeySourceUnavailableError: see `KeySource.make`.
    """
    if has_store(path) and aside is None:
        raise StoreExistsError
    fill = None if contents is None else contents.put_into
    index = None if contents is None else contents.index
    build = partial(
        build_store, path, source, random, fill=fill, index=index, aside=aside
    )
    keys = await asyncio.to_thread(build)
    database = await Database.open(path)
    try:
        slot = database.header.slots[0]
        key = _Key(keys=keys, slot=slot, source=source)
        return await _opened(path, database, key, random)
    except BaseException:
        await database.close()
        raise


async def open_store(
    path: Path,
    *sources: KeySource,
    cache: UnlockCache | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> SealedStore:
    """Open the store with the first of its key slots that one of `sources` opens.

    Args and errors: as for `open_store_by`.
    """
    return await open_store_by(path, lambda _: sources, cache=cache, random=random)


async def open_store_by(
    path: Path,
    choice: Choice,
    *,
    cache: UnlockCache | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> SealedStore:
    """Open the store with the first of its key slots that a chosen source opens.

    Args:
        path: of the file.
        choice: of sources whose keys can be had now. It is asked once the file is open:
            until its log has been looked through, as after a crash, nothing in the file
            need be right.
        cache: what the kernel may have kept, or None not to ask it.
        random: where fresh bytes come from.

    Raises:
        StoreCorruptError: the file cannot be read as a store; it is left as it is.
        LockedError: the key cannot be had, no slot is of any of `sources`, or
            another process has the store open.
        WrongPassphraseError: the passphrase does not open it.
        StoreFailedError: the disk refused.
    """
    database = await Database.open(path)
    try:
        clean_up(path)
        key = await _kept(database, cache)
        if key is None:
            sources = choice([slot.source for slot in database.header.slots])
            recall = partial(_recalled, path, database.header, sources)
            key = await asyncio.to_thread(recall)
        return await _opened(path, database, key, random)
    except BaseException:
        await database.close()
        raise


async def _kept(database: Database, cache: UnlockCache | None) -> _Key | None:
    store_id = database.header.store_id
    kept = None if cache is None else cache.recall(store_id)
    if kept is None:
        return None
    # Any program of the person's could have put another key there.
    sealer = Sealer(store_id, kept, _no_random)
    is_ours = await database.read(partial(fits, sealer=sealer))
    return _Key(keys=kept) if is_ours else None


def _no_random(size: int) -> bytes:
    raise NotImplementedError(size)  # nothing is sealed to see whether a key fits


def _recalled(path: Path, header: Header, sources: Sequence[KeySource]) -> _Key:
    slot, source, keys = recalled(header, sources, str(path))
    return _Key(keys=keys, slot=slot, source=source)


async def _opened(
    path: Path, database: Database, key: _Key, random: RandomBytes
) -> SealedStore:
    header = database.header
    sealer = Sealer(header.store_id, key.keys, random)
    try:
        with database.damage_told():
            found = await database.write(partial(find, sealer=sealer, header=header))
    except StrangeKeyError as exc:
        raise StoreCorruptError(path=str(path), what=str(exc)) from exc
    except StoreFailedError as exc:
        if is_damage(exc):
            raise StoreCorruptError(path=str(path), what=exc.what) from exc
        raise
    anchors = await asyncio.to_thread(_anchors, path, header.store_id, key)
    return SealedStore(
        database,
        sealer,
        found=found,
        opened_by=None if key.slot is None else key.slot.number,
        anchors=anchors,
    )


def _anchors(path: Path, store_id: bytes, key: _Key) -> Anchors:
    beside_the_key = None
    if key.source is not None and key.slot is not None:
        beside_the_key = key.source.anchor(key.slot.parameters)
    in_a_file = FileAnchor(path.with_suffix(".anchor"), store_id)
    return recalled_anchors([a for a in (beside_the_key, in_a_file) if a is not None])
