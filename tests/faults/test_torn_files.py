"""A store whose files were cut off, or had bits flipped: all opens, or it is told.

In this process with the real store, because there are tens of thousands of ways.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.model.errors import BrokerError
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, open_store
from tests.faults.recorded import Held, held_by
from tests.store.samples import a_grant, noted

Damage = tuple[str, int, str]
"""Of which file, at which byte, and how: 'cut' there, or 'flip' a bit of it."""

BEFORE: Held = {"home": "2", "work": "1"}
AFTER: Held = {"home": "2", "work": "3"}
CHUNK = 500


@dataclass(frozen=True)
class Outcome:
    """What came of it: what opened, or why nothing did.

    Attributes:
        is_told: it says that something is damaged, missing or old.
        is_kept: nothing was taken away from what was found.
    """

    held: Held | None
    is_told: bool
    error: str | None
    is_kept: bool


async def store_in(folder: Path, *, crashed: bool) -> None:
    """Two accounts, one of them renewed; where it crashed, the log still holds that."""
    folder.mkdir(mode=0o700)
    path, key = folder / "store.db", KeyFile(folder / "store.key")
    store = await create_store(path, key)
    await store.save(a_grant("work", version=1, refresh_token="1"), replaces=None)
    await store.save(a_grant("home", version=2, refresh_token="2"), replaces=None)
    if crashed:
        await store.close()
        store = await open_store(path, key)
    await store.save(a_grant("work", version=3, refresh_token="3"), replaces=1)
    if crashed:
        await noted(store)
        shutil.copytree(folder, folder.with_name("crashed"))
    await store.close()


def damages(folder: Path, names: list[str]) -> Iterator[Damage]:
    """A flipped bit in each byte, and cuts around each boundary of a page or frame.

    The bytes of an empty stretch are like each other: there, each sixteenth.
    """
    for name in names:
        content = (folder / name).read_bytes()
        for at in range(len(content)):
            if at % 16 == 0 or any(content[at - 8 : at + 8]):
                yield name, at, "flip"
            if at % 128 in {0, 1, 56, 127}:
                yield name, at, "cut"


def outcomes(folder: Path, chunk: list[Damage]) -> list[Outcome]:
    return asyncio.run(_outcomes(folder, chunk))


async def _outcomes(folder: Path, chunk: list[Damage]) -> list[Outcome]:
    logging.disable()
    here = folder.with_name(f"damaged-{os.getpid()}")
    return [await _outcome(folder, here, damage) for damage in chunk]


async def _outcome(folder: Path, here: Path, damage: Damage) -> Outcome:
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(folder, here)
    name, at, how = damage
    content = bytearray((here / name).read_bytes())
    content[at] ^= 1 << at % 8
    (here / name).write_bytes(content if how == "flip" else content[:at])
    before = (here / "store.db").read_bytes()
    try:
        store = await open_store(here / "store.db", KeyFile(here / "store.key"))
    except Exception as error:  # noqa: BLE001 - which of them it was is what is tested
        is_kept = (here / "store.db").read_bytes() == before
        return Outcome(None, True, _code(error), is_kept)
    try:
        held = await held_by(store)
        health = store.health
        is_told = bool(health.damaged) or health.is_altered or health.is_old_copy
        return Outcome(held, is_told, None, is_kept=True)
    except Exception as error:  # noqa: BLE001 - as above
        return Outcome(None, True, _code(error), is_kept=True)
    finally:
        await store.close()


def _code(error: Exception) -> str:
    """Of an error that people are told; of any other one, what it is."""
    return error.code if isinstance(error, BrokerError) else repr(error)


def told(folder: Path, names: list[str]) -> list[tuple[Damage, Outcome]]:
    """What comes of every damage to these files."""
    ways = list(damages(folder, names))
    chunks = [ways[at : at + CHUNK] for at in range(0, len(ways), CHUNK)]
    with ProcessPoolExecutor() as pool:
        results = pool.map(outcomes, [folder] * len(chunks), chunks)
        return list(zip(ways, (o for chunk in results for o in chunk), strict=True))


def is_right(outcome: Outcome) -> bool:
    """All is there, or it is told what is not; and nothing is made worse."""
    if outcome.held is None:
        return outcome.is_kept and outcome.error in {"store_corrupt", "locked"}
    return outcome.held == AFTER or (
        outcome.held.items() <= AFTER.items() and outcome.is_told
    )


async def test_no_damage_to_the_file_is_silent_or_makes_it_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "store"
    await store_in(folder, crashed=False)
    all_told = told(folder, ["store.db", "store.key"])
    with capsys.disabled():
        print(f"\ntorn files: {len(all_told)} ways to damage a store")
    assert [(d, o) for d, o in all_told if not is_right(o)] == []


async def test_a_damaged_log_costs_at_most_what_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await store_in(tmp_path / "store", crashed=True)
    folder = tmp_path / "crashed"
    all_told = told(folder, ["store.db-wal"])
    with capsys.disabled():
        print(f"\ntorn files: {len(all_told)} ways to damage a log")
    for damage, outcome in all_told:
        assert outcome.error is None, (damage, outcome)
        # SQLite takes a frame that is damaged for the end of the log. What was in it
        # is lost, as after a power loss on a disk that lies; the anchor tells.
        assert outcome.held in (AFTER, BEFORE), (damage, outcome)
