"""The promises of a `GrantStore`, run on the fake and on the real thing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import GrantChangedError, StoreFailedError
from broker.model.grant import GrantState
from broker.services.interfaces import GrantStore, Listing
from broker.store.keys.plain import KeyFile
from broker.store.opening import create_store
from tests.fakes.store import MemoryStore
from tests.store.samples import a_grant

WORK = AccountName("work")


@pytest.fixture(params=["memory", "sealed"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[GrantStore]:
    made: GrantStore = MemoryStore()
    if request.param == "sealed":
        made = await create_store(tmp_path / "store.db", KeyFile(tmp_path / "key"))
    yield made
    await made.close()


async def test_a_new_store_holds_nothing(store: GrantStore) -> None:
    assert list(await store.list()) == []
    assert await store.load(WORK) is None
    assert await store.load_setting("default_account") is None


async def test_a_saved_grant_is_loaded_whole(store: GrantStore) -> None:
    grant = a_grant("work")
    await store.save(grant, replaces=None)
    assert await store.load(WORK) == grant


async def listed(store: GrantStore, *names: str) -> Listing:
    for name in names:
        await store.save(a_grant(name), replaces=None)
    return await store.list()


async def test_every_grant_is_listed_once(store: GrantStore) -> None:
    listing = await listed(store, "b", "a", "C", "a.b")
    names = sorted(grant.account.name for grant in listing)
    assert names == ["C", "a", "a.b", "b"]
    assert list(listing) == []


async def test_a_grant_that_is_taken_out_of_turn_does_not_come_again(
    store: GrantStore,
) -> None:
    listing = await listed(store, "a", "b", "c")
    assert listing.take(AccountName("b")) == a_grant("b")
    assert listing.take(AccountName("b")) is None
    assert sorted(grant.account.name for grant in listing) == ["a", "c"]
    assert listing.take(AccountName("a")) is None
    assert listing.take(AccountName("nobody")) is None


async def test_what_is_saved_after_a_listing_is_not_in_it(store: GrantStore) -> None:
    listing = await listed(store, "a")
    await store.save(a_grant("b"), replaces=None)
    assert listing.take(AccountName("b")) is None
    assert [grant.account.name for grant in listing] == ["a"]


async def test_a_save_replaces_the_version_it_names(store: GrantStore) -> None:
    await store.save(a_grant("work"), replaces=None)
    second = replace(a_grant("work", version=2), state=GrantState.DEAD)
    await store.save(second, replaces=1)
    assert await store.load(WORK) == second
    assert list(await store.list()) == [second]


@pytest.mark.parametrize("replaces", [None, 1, 3])
async def test_a_save_over_any_other_version_changes_nothing(
    store: GrantStore, replaces: int | None
) -> None:
    there = a_grant("work", version=2)
    await store.save(there, replaces=None)
    late = a_grant("work", version=4, refresh_token="late")
    with pytest.raises(GrantChangedError) as caught:
        await store.save(late, replaces=replaces)
    assert caught.value.account == "work"
    assert await store.load(WORK) == there


async def test_of_two_saves_over_one_version_exactly_one_is_refused(
    store: GrantStore,
) -> None:
    await store.save(a_grant("work"), replaces=None)
    rivals = [a_grant("work", version=2, refresh_token=text) for text in ("a", "b")]
    results = await asyncio.gather(
        *(store.save(rival, replaces=1) for rival in rivals), return_exceptions=True
    )
    refused = [isinstance(result, GrantChangedError) for result in results]
    assert sorted(refused) == [False, True]
    assert await store.load(WORK) == rivals[refused.index(False)]


async def test_a_save_that_replaces_a_forgotten_grant_is_refused(
    store: GrantStore,
) -> None:
    with pytest.raises(GrantChangedError):
        await store.save(a_grant("work", version=2), replaces=1)
    assert await store.load(WORK) is None


async def test_a_save_leaves_other_accounts_alone(store: GrantStore) -> None:
    home = a_grant("home")
    await store.save(home, replaces=None)
    await store.save(a_grant("work"), replaces=None)
    await store.save(a_grant("work", version=2), replaces=1)
    assert await store.load(AccountName("home")) == home


async def test_a_deleted_grant_is_gone(store: GrantStore) -> None:
    await store.save(a_grant("work"), replaces=None)
    await store.delete(WORK, replaces=1)
    assert await store.load(WORK) is None
    assert list(await store.list()) == []


async def test_a_delete_of_another_version_changes_nothing(store: GrantStore) -> None:
    there = a_grant("work", version=2)
    await store.save(there, replaces=None)
    with pytest.raises(GrantChangedError):
        await store.delete(WORK, replaces=1)
    assert await store.load(WORK) == there


async def test_a_delete_of_no_grant_is_refused(store: GrantStore) -> None:
    with pytest.raises(GrantChangedError):
        await store.delete(WORK, replaces=1)


async def test_a_deleted_grant_can_be_saved_anew(store: GrantStore) -> None:
    await store.save(a_grant("work"), replaces=None)
    await store.delete(WORK, replaces=1)
    again = a_grant("work", version=2)
    await store.save(again, replaces=None)
    assert await store.load(WORK) == again


async def test_a_setting_is_kept_replaced_and_forgotten(store: GrantStore) -> None:
    await store.save_setting("default_account", "work")
    assert await store.load_setting("default_account") == "work"
    await store.save_setting("default_account", "home")
    assert await store.load_setting("default_account") == "home"
    await store.save_setting("default_account", None)
    assert await store.load_setting("default_account") is None


async def test_forgetting_a_setting_that_was_never_made_is_fine(
    store: GrantStore,
) -> None:
    await store.save_setting("default_account", None)
    assert await store.load_setting("default_account") is None


async def test_a_setting_and_an_account_of_one_name_are_two_things(
    store: GrantStore,
) -> None:
    await store.save(a_grant("work"), replaces=None)
    await store.save_setting("work", "yes")
    assert await store.load(WORK) == a_grant("work")
    assert await store.load_setting("work") == "yes"
    assert await store.load_setting("home") is None


async def test_a_closed_store_refuses_and_closing_twice_is_fine(
    store: GrantStore,
) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreFailedError):
        await store.save(a_grant("work"), replaces=None)
    with pytest.raises(StoreFailedError):
        await store.list()
