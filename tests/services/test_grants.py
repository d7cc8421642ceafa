"""The one place that writes grants: compare and swap, and the default account."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    GrantChangedError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState, Intent, IntentCause
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.services.grants import Grants
from tests.fakes.clock import run_until_idle
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, WORK, a_grant

NEW = Secret("refresh-2")


async def loaded(*grants: Grant) -> tuple[Grants, MemoryStore]:
    store = MemoryStore(*grants)
    read = Grants(store)
    await read.load()
    return read, store


async def test_every_grant_of_the_store_is_at_hand_in_the_order_of_names() -> None:
    grants, _ = await loaded(a_grant(WORK), a_grant(HOME))
    assert [grant.account.name for grant in grants.all()] == [HOME, WORK]
    assert grants.find(WORK) == a_grant(WORK)
    assert grants.find(AccountName("nobody")) is None
    with pytest.raises(UnknownAccountError):
        grants.get(AccountName("nobody"))


async def test_each_grant_is_handed_to_the_reader_once_whoever_asked_first() -> None:
    names = [AccountName(name) for name in "abcd"]
    grants, _ = await loaded(*(a_grant(name) for name in names))
    grants.get(names[1])
    assert [g.account.name for g in grants.read_on(0)] == ["b"]
    grants.find(names[0])
    first = {g.account.name for g in grants.read_on(1)}
    assert "a" in first
    assert len(first) == 2
    grants.all()
    assert {g.account.name for g in grants.read_on(1)} == {*names} - {"b"} - first
    assert grants.read_on(1) == []


async def test_what_was_forgotten_does_not_come_back_when_the_rest_is_read() -> None:
    grants, _ = await loaded(a_grant(WORK), a_grant(HOME))
    await grants.forget(grants.get(WORK))
    await grants.signed_out(grants.get(HOME))
    assert [grant.version for grant in grants.all()] == [2]
    assert grants.find(WORK) is None


async def test_a_login_counts_on_from_a_grant_that_nobody_has_read_yet() -> None:
    grants, store = await loaded(a_grant(version=4))
    saved = await grants.signed_in(a_grant(version=0))
    assert saved.version == 5
    assert grants.all() == [saved] == list(store.grants.values())


async def test_nothing_that_was_read_is_left_when_the_store_is_let_go_of() -> None:
    grants, _ = await loaded(a_grant(), a_grant(HOME))
    grants.get(WORK)
    await grants.close()
    assert grants.read_on(9) == []


async def test_a_reload_is_not_overtaken_by_what_was_listed_before() -> None:
    grants, store = await loaded(a_grant())
    newer = store.grants[WORK] = a_grant(version=2)
    assert await grants.reload(WORK) == newer
    assert grants.all() == [newer]


async def test_a_first_login_is_saved_as_version_one() -> None:
    grants, store = await loaded()
    saved = await grants.signed_in(a_grant(version=0))
    assert saved.version == 1
    assert store.grants[WORK] == saved
    assert grants.get(WORK) == saved


async def test_a_login_replaces_what_was_there_whatever_its_state() -> None:
    dead = replace(a_grant(version=7), state=GrantState.DEAD, ended_because="x")
    grants, store = await loaded(dead)
    saved = await grants.signed_in(a_grant(version=0))
    assert (saved.version, saved.state, saved.ended_because) == (
        8,
        GrantState.LIVE,
        None,
    )
    assert store.grants[WORK] == saved


async def test_a_login_after_a_log_out_goes_on_counting() -> None:
    grants, _ = await loaded(a_grant(version=7))
    await grants.forget(grants.get(WORK))
    assert (await grants.signed_in(a_grant(version=0))).version == 8


async def test_a_login_that_the_disk_refused_does_not_begin_to_count_anew() -> None:
    grants, store = await loaded(a_grant(version=7))
    await grants.forget(grants.get(WORK))
    store.fail_next_save()
    assert (await grants.signed_in(a_grant(version=0))).version == 8
    assert (await grants.signed_in(a_grant(version=0))).version == 9
    assert store.grants[WORK].version == 9


async def test_a_login_that_the_disk_refused_is_served_from_memory() -> None:
    grants, store = await loaded(a_grant())
    store.fail_next_save(2)
    saved = await grants.signed_in(a_grant(refresh_token="of-login"))
    assert grants.get(WORK) == await grants.reload(WORK) == saved
    assert list(grants.unsaved.accounts) == [WORK]
    assert grants.unsaved.why == "the disk is full"
    assert store.grants[WORK] == a_grant()
    assert await grants.save_again()
    assert store.grants[WORK] == saved
    assert not grants.unsaved.accounts
    assert grants.unsaved.why is None


async def test_what_the_person_wants_gone_is_gone_from_the_disk_or_not_at_all() -> None:
    grants, store = await loaded(a_grant())
    store.fail_next_save(2)
    for end in (grants.signed_out, grants.forget):
        with pytest.raises(StoreFailedError):
            await end(grants.get(WORK))
    assert grants.get(WORK) == a_grant()
    assert store.grants[WORK] == a_grant()


async def test_what_was_never_saved_can_be_forgotten() -> None:
    grants, store = await loaded()
    store.fail_next_save()
    await grants.forget(await grants.signed_in(a_grant()))
    assert grants.all() == []
    assert not grants.unsaved.accounts


async def test_a_disk_that_cannot_be_read_leaves_what_is_at_hand() -> None:
    grants, store = await loaded(a_grant())
    store.is_closed = True
    assert await grants.reload(WORK) == a_grant()


async def test_somebody_can_wait_for_what_the_disk_refuses() -> None:
    grants, store = await loaded(a_grant())
    waiting = asyncio.create_task(grants.unsaved.wait())
    await grants.ended(grants.get(WORK), GrantState.DEAD, "x")
    await run_until_idle()
    assert not waiting.done()
    store.fail_next_save()
    await grants.signed_in(a_grant())
    await waiting


async def test_a_standing_intent_is_not_written_over() -> None:
    grants, store = await loaded(a_grant())
    first = await grants.intend(grants.get(WORK), Intent(since=UnixTime(1)))
    assert await grants.intend(first, Intent(since=UnixTime(2))) == first
    assert store.saves == 1
    assert (await grants.not_spent(first)).intent is None


async def test_grants_put_back_from_an_older_copy_are_marked() -> None:
    dead = replace(a_grant(HOME), state=GrantState.DEAD)
    bare = a_grant(AccountName("bare"), refresh_token=None)
    grants, store = await loaded(a_grant(), dead, bare)
    await grants.put_back(UnixTime(7))
    mark = Intent(since=UnixTime(7), cause=IntentCause.RESTORE)
    assert store.grants[WORK].intent == mark
    assert store.grants[HOME].intent is None
    assert store.grants[AccountName("bare")].intent is None
    await grants.put_back(UnixTime(8))
    assert store.grants[WORK].intent == mark
    assert store.saves == 1


async def test_a_refresh_that_an_older_copy_was_in_the_midst_of_is_marked_too() -> None:
    grants, store = await loaded(replace(a_grant(), intent=Intent(since=UnixTime(1))))
    await grants.put_back(UnixTime(7))
    mark = Intent(since=UnixTime(7), cause=IntentCause.RESTORE)
    assert store.grants[WORK].intent == mark


async def test_a_grant_that_moved_on_is_not_forgotten() -> None:
    grants, store = await loaded(a_grant())
    old = grants.get(WORK)
    store.fail_next_save()
    await grants.signed_in(a_grant(refresh_token="of-login"))
    with pytest.raises(GrantChangedError):
        await grants.forget(old)
    assert grants.get(WORK).refresh_token == Secret("of-login")


async def test_a_renewal_keeps_the_old_refresh_token_where_none_came() -> None:
    grants, store = await loaded(a_grant())
    same = await grants.renewed(
        grants.get(WORK), refresh_token=None, scopes=a_grant().scopes
    )
    assert same == a_grant()
    assert store.saves == 0
    fewer = await grants.renewed(same, refresh_token=None, scopes=frozenset({"mail"}))
    assert (fewer.refresh_token, fewer.version) == (a_grant().refresh_token, 2)


async def test_a_renewal_of_a_grant_that_a_login_replaced_is_void() -> None:
    grants, store = await loaded(a_grant())
    old = grants.get(WORK)
    new = await grants.signed_in(a_grant(refresh_token="of-login"))
    with pytest.raises(GrantChangedError):
        await grants.renewed(old, refresh_token=NEW, scopes=old.scopes)
    with pytest.raises(GrantChangedError):
        await grants.ended(old, GrantState.DEAD, "x")
    assert store.grants[WORK] == new


async def test_a_renewal_that_changes_nothing_is_void_too_after_a_login() -> None:
    # Otherwise the old grant's access token would be taken for the new grant's.
    grants, _ = await loaded(a_grant())
    old = grants.get(WORK)
    await grants.signed_in(a_grant(refresh_token="of-login"))
    with pytest.raises(GrantChangedError):
        await grants.renewed(old, refresh_token=None, scopes=old.scopes)


async def test_a_renewal_of_a_forgotten_grant_does_not_bring_it_back() -> None:
    grants, store = await loaded(a_grant())
    old = grants.get(WORK)
    await grants.forget(old)
    with pytest.raises(GrantChangedError):
        await grants.renewed(old, refresh_token=NEW, scopes=old.scopes)
    assert store.grants == {}


async def test_a_login_wins_also_against_a_renewal_that_is_being_saved() -> None:
    grants, store = await loaded(a_grant())
    store.gate = asyncio.Event()
    renewing = asyncio.create_task(
        grants.renewed(
            grants.get(WORK), refresh_token=NEW, scopes=grants.get(WORK).scopes
        )
    )
    await run_until_idle()
    signing_in = asyncio.create_task(
        grants.signed_in(a_grant(refresh_token="of-login"))
    )
    await run_until_idle()
    store.gate.set()
    await asyncio.gather(renewing, return_exceptions=True)
    saved = await signing_in  # the person did everything right
    assert store.grants[WORK] == saved
    assert grants.get(WORK) == saved
    assert saved.refresh_token == Secret("of-login")


async def test_what_the_disk_refused_is_saved_before_the_grant_is_used_again() -> None:
    grants, store = await loaded(a_grant())
    store.fail_next_save(2)
    await grants.renewed(grants.get(WORK), refresh_token=NEW, scopes=a_grant().scopes)
    assert (await grants.reload(WORK)).refresh_token == NEW
    assert store.grants[WORK].refresh_token != NEW
    assert (await grants.reload(WORK)).refresh_token == NEW
    assert store.grants[WORK].refresh_token == NEW


async def test_what_the_disk_refused_is_tried_once_more_at_the_end() -> None:
    grants, store = await loaded(a_grant())
    store.fail_next_save()
    await grants.renewed(grants.get(WORK), refresh_token=NEW, scopes=a_grant().scopes)
    assert await grants.close() == ()
    assert store.grants[WORK].refresh_token == NEW


async def test_a_renewal_that_another_hand_overtook_is_not_at_hand() -> None:
    grants, store = await loaded(a_grant())
    old = grants.get(WORK)
    store.grants[WORK] = a_grant(refresh_token="from-elsewhere", version=2)
    with pytest.raises(GrantChangedError):
        await grants.renewed(old, refresh_token=NEW, scopes=old.scopes)
    assert grants.get(WORK).refresh_token != NEW


async def test_forgetting_deletes_account_and_client() -> None:
    grants, store = await loaded(a_grant())
    await grants.forget(grants.get(WORK))
    assert store.grants == {}
    assert grants.all() == []


async def test_signing_out_keeps_only_how_to_sign_in_again() -> None:
    grants, store = await loaded(a_grant(subject="person-1"))
    await grants.signed_out(grants.get(WORK))
    kept = store.grants[WORK]
    assert kept.state is GrantState.SIGNED_OUT
    assert kept.refresh_token is None
    assert kept.access_token is None
    assert kept.scopes == frozenset()
    assert kept.account == a_grant().account


async def test_a_reload_sees_what_another_hand_wrote() -> None:
    grants, store = await loaded(a_grant())
    newer = a_grant(refresh_token="from-elsewhere", version=2)
    store.grants[WORK] = newer
    assert await grants.reload(WORK) == newer
    assert grants.get(WORK) == newer
    del store.grants[WORK]
    with pytest.raises(UnknownAccountError):
        await grants.reload(WORK)
    assert grants.find(WORK) is None


async def test_closing_lets_go_of_everything_that_was_read() -> None:
    grants, store = await loaded(a_grant())
    await grants.close()
    assert grants.all() == []
    with pytest.raises(StoreFailedError):
        await store.list()
