"""Grants are saved, and kept where the disk refuses, until it takes them."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.errors import GrantChangedError, StoreFailedError
from broker.model.grant import Grant
from broker.services.saving import Saver
from tests.fakes.clock import run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, WORK, a_grant

FIRST = a_grant(version=1)
SECOND = a_grant(version=2, refresh_token="refresh-2")
THIRD = a_grant(version=3, refresh_token="refresh-3")


def a_saver(*grants: Grant) -> tuple[Saver, MemoryStore]:
    store = MemoryStore(*grants)
    return Saver(store), store


def kept(saver: Saver) -> Grant | None:
    """What is in memory alone."""
    refused = saver.unsaved.find(WORK)
    return None if refused is None else refused.grant


def is_waiting(saver: Saver) -> bool:
    """Whether nothing is unsaved for whoever waits for it."""
    return not saver.unsaved._is_any.is_set()


async def test_what_the_disk_takes_is_not_kept() -> None:
    saver, store = a_saver(FIRST)
    await saver.save(SECOND, replaces=1)
    assert store.grants[WORK] == SECOND
    assert (saver.unsaved.why, kept(saver)) == (None, None)
    assert is_waiting(saver)


async def test_what_the_disk_refuses_is_kept_and_told_and_saved_later() -> None:
    saver, store = a_saver(FIRST)
    waiting = asyncio.create_task(saver.unsaved.wait(), name="waiting")
    store.fail_next_save(2)
    await saver.save(SECOND, replaces=1)
    await waiting
    assert list(saver.unsaved.accounts) == [WORK]
    assert kept(saver) == SECOND
    assert saver.unsaved.why == "the disk is full"
    assert not await saver.save_again(WORK)
    assert store.grants[WORK] == FIRST
    assert await saver.save_again(WORK)
    assert store.grants[WORK] == SECOND
    assert not saver.unsaved.accounts
    assert saver.unsaved.why is None
    assert is_waiting(saver)


async def test_a_save_over_another_version_is_refused_and_not_kept() -> None:
    saver, store = a_saver(SECOND)
    with pytest.raises(GrantChangedError):
        await saver.save(THIRD, replaces=1)
    assert not saver.unsaved.accounts
    assert store.grants[WORK] == SECOND


async def test_of_several_that_the_disk_refused_the_newest_is_saved() -> None:
    saver, store = a_saver(FIRST)
    store.fail_next_save(2)
    await saver.save(SECOND, replaces=1)
    await saver.save(THIRD, replaces=2)
    assert (kept(saver), store.grants[WORK]) == (THIRD, FIRST)
    assert await saver.save_again(WORK)
    assert store.grants[WORK] == THIRD


async def test_the_disk_that_takes_grants_again_takes_the_newest_at_once() -> None:
    saver, store = a_saver(FIRST)
    store.fail_next_save()
    await saver.save(SECOND, replaces=1)
    await saver.save(THIRD, replaces=2)
    assert store.grants[WORK] == THIRD
    assert not saver.unsaved.accounts


@pytest.mark.parametrize("before", [(), (FIRST,)])
async def test_what_was_saved_before_the_disk_failed_is_not_in_the_way_of_the_next(
    before: tuple[Grant, ...],
) -> None:
    # A rotated refresh token that were thrown away here would be lost.
    saver, store = a_saver(*before)
    store.fails_after_saves = True
    await saver.save(SECOND, replaces=1 if before else None)
    assert store.grants[WORK] == SECOND
    assert list(saver.unsaved.accounts) == [WORK]
    store.fails_after_saves = False
    await saver.save(THIRD, replaces=2)
    assert store.grants[WORK] == THIRD
    assert not saver.unsaved.accounts


async def test_a_disk_that_fails_after_each_save_is_followed_all_the_way() -> None:
    saver, store = a_saver(FIRST)
    store.fails_after_saves = True
    for version in range(2, 6):
        await saver.save(replace(FIRST, version=version), replaces=version - 1)
    assert store.grants[WORK].version == 5
    store.fails_after_saves = False
    saves = store.saves
    assert await saver.save_again(WORK)
    assert (store.saves, store.grants[WORK].version) == (saves, 5)


async def test_what_another_has_saved_meanwhile_is_never_overwritten() -> None:
    saver, store = a_saver(FIRST)
    store.fail_next_save()
    await saver.save(SECOND, replaces=1)
    store.grants[WORK] = other = a_grant(version=9)
    assert not await saver.save_again(WORK)
    assert store.grants[WORK] == other
    assert saver.unsaved.why == "grant_changed"
    assert kept(saver) == SECOND


@pytest.mark.parametrize("fails_after", [False, True])
async def test_the_last_unsaved_grant_that_is_deleted_leaves_nothing_to_wait_for(
    *, fails_after: bool
) -> None:
    saver, store = a_saver()
    store.fails_after_saves = fails_after
    if not fails_after:
        store.fail_next_save()
    await saver.save(FIRST, replaces=None)
    await saver.delete(WORK, replaces=1)
    assert store.grants == {}
    assert not saver.unsaved.accounts
    assert is_waiting(saver)


async def test_what_is_saved_now_replaces_whatever_the_disk_has() -> None:
    saver, store = a_saver(FIRST)
    store.fails_after_saves = True
    await saver.save(SECOND, replaces=1)
    store.fails_after_saves = False
    await saver.save_now(THIRD, replaces=2)
    assert store.grants[WORK] == THIRD
    assert is_waiting(saver)


async def test_what_is_to_be_saved_now_is_not_kept() -> None:
    saver, store = a_saver(FIRST)
    store.fail_next_save(2)
    for deed in (saver.save_now(SECOND, replaces=1), saver.delete(WORK, replaces=1)):
        with pytest.raises(StoreFailedError):
            await deed
    assert not saver.unsaved.accounts
    assert store.grants[WORK] == FIRST


async def test_one_account_that_is_saved_leaves_the_other_to_be_waited_for() -> None:
    saver, store = a_saver()
    store.fail_next_save(2)
    await saver.save(FIRST, replaces=None)
    await saver.save(a_grant(HOME), replaces=None)
    assert list(saver.unsaved.accounts) == [HOME, WORK]
    await saver.save_again(HOME)
    waiting = asyncio.create_task(saver.unsaved.wait(), name="waiting")
    await run_until_idle()
    assert waiting.done()
    assert list(saver.unsaved.accounts) == [WORK]
    await saver.save_again(WORK)
    assert is_waiting(saver)
