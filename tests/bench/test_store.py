"""The store on a real disk: a save, and opening, with ten accounts and ten thousand."""

import asyncio
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.bench import figures
from tests.store.samples import a_grant

FEW, MANY = 10, 10_000
SAVES = 400
OPENINGS = 10


def test_a_save_and_an_opening_with_few_accounts_and_with_many(folder: Path) -> None:
    few, many = folder / "few.db", folder / "many.db"
    for path, accounts in ((few, FEW), (many, MANY)):
        asyncio.run(_fill(path, accounts))
    saves = {f"a save, {FEW} accounts": few, f"a save, {MANY} accounts": many}
    timed, written = asyncio.run(_saves(saves))
    figures.title("the store on a disk: a save, durable")
    figures.show(timed)
    small, large = (figures.median(seconds) for seconds in timed.values())
    figures.ratio(f"with {MANY} accounts over with {FEW}", large, small)
    for name, size in written.items():
        print(f"  {name:34} {size:9.0f} bytes written to files")
    figures.title("the store: opening it and reading every grant")
    timed = {
        f"opening, {accounts} accounts": [
            asyncio.run(_seconds_to_open(path, accounts)) for _ in range(OPENINGS)
        ]
        for path, accounts in ((few, FEW), (many, MANY))
    }
    figures.show(timed)
    small, large = (figures.median(seconds) for seconds in timed.values())
    print(f"  {MANY} accounts take {(large - small) * 1e3:.0f} ms more than {FEW}")


async def _fill(path: Path, accounts: int) -> None:
    store = await create_store(path, KeyFile(path.with_suffix(".key")))
    for number in range(accounts):
        await store.save(a_grant(f"account-{number}"), replaces=None)
    await store.close()


async def _saves(
    paths: dict[str, Path],
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each save, in turn; and the bytes that one writes on average."""
    stores = {name: await _open(path) for name, path in paths.items()}
    timed: dict[str, list[float]] = {name: [] for name in paths}
    written = dict.fromkeys(paths, 0)
    for version in range(1, SAVES + 1):
        for name, store in stores.items():
            grant = replace(a_grant("account-0"), version=version + 1)
            before, began = _written(), perf_counter()
            await store.save(grant, replaces=version)
            timed[name].append(perf_counter() - began)
            written[name] += _written() - before
    for store in stores.values():
        await store.close()
    return timed, {name: size / SAVES for name, size in written.items()}


def _written() -> int:
    """Bytes that this process has written, the kernel's own count (proc_pid_io(5))."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


async def _open(path: Path) -> SealedStore:
    return await open_store(path, KeyFile(path.with_suffix(".key")))


async def _seconds_to_open(path: Path, accounts: int) -> float:
    began = perf_counter()
    store = await _open(path)
    grants = await store.list()
    seconds = perf_counter() - began
    assert len(grants) == accounts  # here: the daemon keeps them, too
    await store.close()
    return seconds
