"""The store on a real disk: a save, and opening, with ten accounts and ten thousand."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from msgspec.structs import replace

from broker.model.account import AccountName
from broker.services.grants import Grants
from broker.services.opened import READ_AT_ONCE, collection_paused
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
    figures.title("the store: opening it, until any account can be served")
    _show_openings(few, many, read_all=False)
    figures.title("the store: opening it, until every grant has been read as well")
    _show_openings(few, many, read_all=True)


def _show_openings(few: Path, many: Path, *, read_all: bool) -> None:
    """In turn, so that the machine's mood meets both alike."""
    pairs = [
        tuple(asyncio.run(_opened(path, read_all=read_all)) for path in (few, many))
        for _ in range(OPENINGS)
    ]
    names = f"opening, {FEW} accounts", f"opening, {MANY} accounts"
    timed = dict(zip(names, zip(*pairs, strict=True), strict=True))
    figures.show({name: [one.wall for one in each] for name, each in timed.items()})
    for name in ("wall", "processor"):
        more = [getattr(b, name) - getattr(a, name) for a, b in pairs]
        took = figures.median(more) * 1e3
        print(f"  {MANY} accounts take {took:.0f} ms more ({name} time)")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """Seconds."""

    wall: float
    processor: float


async def _opened(path: Path, *, read_all: bool) -> _Opening:
    wall, processor = perf_counter(), process_time()
    store = await _open(path)
    grants = Grants(store)
    await grants.load()
    grants.get(AccountName("account-7"))
    with collection_paused():  # as in the daemon
        while read_all and grants.read_on(READ_AT_ONCE):
            pass
    took = _Opening(wall=perf_counter() - wall, processor=process_time() - processor)
    await grants.close()
    return took
