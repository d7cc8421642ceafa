"""Keeps a store for a while, and says after each deed that it is done.

A process of its own, so that strace can write down what it does to its files:

    python -m tests.faults.recorded FOLDER
"""

import asyncio
import os
import sys
from pathlib import Path

from broker.model.account import AccountName
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, open_store
from broker.store.store import SealedStore
from tests.store.samples import a_grant, grants_in

Held = dict[str, str]
"""By account, its refresh token; and the setting, under its key."""

SETTING = "default_account"
DONE = b"done"

HELD: list[Held] = [
    {},
    {},  # made
    {"work": "1"},
    {"work": "1", "home": "2"},
    {"work": "1", "home": "2", SETTING: "home"},
    {"work": "3", "home": "2", SETTING: "home"},
    {"work": "4", "home": "2", SETTING: "home"},
    {"work": "4", SETTING: "home"},
    {"work": "4", SETTING: "home"},  # closed and opened again
    {"work": "5", SETTING: "home"},
    {"work": "6", SETTING: "home"},
]
"""What the store holds once so many deeds are done."""


async def held_by(store: SealedStore) -> Held:
    """All that opens."""
    tokens = {
        grant.account.name: grant.refresh_token for grant in await grants_in(store)
    }
    held: Held = {name: token.reveal() for name, token in tokens.items() if token}
    setting = await store.load_setting(SETTING)
    return held if setting is None else {**held, SETTING: setting}


async def keep(folder: Path) -> None:
    path = folder / "store.db"
    key = KeyFile(folder / "store.key")
    store = await create_store(path, key)
    done()
    await save(store, "work", 1)
    await save(store, "home", 2)
    await store.save_setting(SETTING, "home")
    done()
    await save(store, "work", 3, replaces=1)
    await save(store, "work", 4, replaces=3)
    await store.delete(AccountName("home"), replaces=2)
    done()
    await store.close()
    store = await open_store(path, key)
    done()
    await save(store, "work", 5, replaces=4)
    await save(store, "work", 6, replaces=5)
    await store.close()


async def save(
    store: SealedStore, name: str, number: int, replaces: int | None = None
) -> None:
    grant = a_grant(name, version=number, refresh_token=str(number))
    await store.save(grant, replaces=replaces)
    done()


def done() -> None:
    os.write(1, DONE)


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1])))
