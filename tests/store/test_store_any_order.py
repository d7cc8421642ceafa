"""In whatever order things happen, crashes too, the store equals a dictionary."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.account import AccountName
from broker.model.errors import GrantChangedError
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store, open_store
from tests.store.samples import a_grant, grants_in, noted

NAMES = [AccountName(name) for name in ("work", "home", "alice@example.com")]
SETTING = "default_account"

DEEDS = st.one_of(
    st.tuples(st.just("save"), st.sampled_from(NAMES)),
    st.tuples(st.just("save too late"), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES)),
    st.tuples(st.just("set"), st.sampled_from([*NAMES, None])),
    st.tuples(
        st.sampled_from(
            ["crash", "close", "crash twice", "new outer key", "new data key"]
        ),
        st.none(),
    ),
)


def key_file(path: Path) -> KeyFile:
    return KeyFile(path.with_suffix(".key"))


class Story:
    """One run: a store, and the dictionary that it has to equal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.grants = {name: a_grant(name) for name in NAMES[:0]}
        self.setting: str | None = None
        self.saves = 0
        self.crashes = 0

    async def run(self, deeds: list[tuple[str, AccountName | None]]) -> None:
        first = self.folder / "store.db"
        self.path = first
        self.store = await create_store(first, key_file(first))
        for deed, name in deeds:
            await self._do(deed, name)
            await self._check()
        await self._reopen()
        await self._check()
        await self.store.close()

    async def _do(self, deed: str, name: AccountName | None) -> None:
        match deed, name:
            case "set", _:
                await self.store.save_setting(SETTING, name)
                self.setting = name
            case "crash" | "crash twice", _:
                await self._crash()
                if deed == "crash twice":
                    await self._crash()
            case "close", _:
                await self._reopen()
            case "new outer key", _:
                await self.store.slots.rotate(1, key_file(self.path))
            case "new data key", _:
                await self.store.slots.rotate_data_key([key_file(self.path)])
            case _, str():
                await self._change(deed, name)

    async def _change(self, deed: str, name: AccountName) -> None:
        there = self.grants.get(name)
        version = there.version if there else None
        match deed:
            case "save":
                self.saves += 1
                token = f"refresh-token-{self.saves}"
                grant = a_grant(name, version=self.saves, refresh_token=token)
                await self.store.save(grant, replaces=version)
                self.grants[name] = grant
            case "save too late":
                late = a_grant(name, version=9999)
                with pytest.raises(GrantChangedError):
                    await self.store.save(late, replaces=9998)
            case "delete" if there:
                await self.store.delete(name, replaces=there.version)
                del self.grants[name]

    async def _crash(self) -> None:
        """What lies there now is all that the next one finds."""
        self.crashes += 1
        await noted(self.store)  # no file comes or goes while they are copied
        found = self.folder / f"crash-{self.crashes}"
        shutil.copytree(
            self.path.parent, found, ignore=shutil.ignore_patterns("crash*")
        )
        await self.store.close()
        self.path = found / "store.db"
        self.store = await open_store(self.path, key_file(self.path))

    async def _reopen(self) -> None:
        await self.store.close()
        self.store = await open_store(self.path, key_file(self.path))

    async def _check(self) -> None:
        held = {grant.account.name: grant for grant in await grants_in(self.store)}
        assert held == self.grants
        assert await self.store.load_setting(SETTING) == self.setting
        health = self.store.health
        assert (health.damaged, health.is_altered, health.is_old_copy) == (0, 0, 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(DEEDS, max_size=15))
def test_whatever_is_saved_deleted_and_cut_off_the_store_equals_a_dictionary(
    deeds: list[tuple[str, AccountName | None]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Story(Path(folder)).run(deeds))
