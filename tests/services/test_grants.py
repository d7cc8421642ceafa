"""The one place that writes grants: compare and swap, and the default account."""

import asyncio
from dataclasses import replace

import pytest

from broker.model.account import AccountName
from broker.model.errors import (
    AccountNeededError,
    GrantChangedError,
    LoginRequiredError,
    ReauthenticationRequiredError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.secret import Secret
from broker.services.grants import Grants, require_live
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


# --- which account is meant --------------------------------------------------------


async def test_the_only_account_is_meant_where_none_is_named() -> None:
    grants, _ = await loaded(a_grant(WORK))
    assert grants.named_or_default(None) == WORK
    assert grants.default is None


async def test_of_several_accounts_none_is_guessed() -> None:
    grants, _ = await loaded(a_grant(WORK), a_grant(HOME))
    with pytest.raises(AccountNeededError) as caught:
        grants.named_or_default(None)
    assert caught.value.accounts == (HOME, WORK)


async def test_with_no_account_at_all_one_is_needed() -> None:
    grants, _ = await loaded()
    with pytest.raises(AccountNeededError) as caught:
        grants.named_or_default(None)
    assert caught.value.accounts == ()


async def test_the_default_is_meant_and_survives_a_restart() -> None:
    grants, store = await loaded(a_grant(WORK), a_grant(HOME))
    await grants.set_default(HOME)
    assert grants.named_or_default(None) == HOME
    again = Grants(store)
    await again.load()
    assert again.default == HOME
    await again.set_default(None)
    assert again.default is None
    assert store.settings == {}


async def test_a_default_must_be_an_account_that_is_there() -> None:
    grants, store = await loaded(a_grant(WORK))
    with pytest.raises(UnknownAccountError):
        await grants.set_default(HOME)
    assert store.settings == {}


async def test_a_default_that_was_forgotten_is_no_default() -> None:
    grants, _ = await loaded(a_grant(WORK), a_grant(HOME))
    await grants.set_default(HOME)
    await grants.forget(grants.get(HOME))
    assert grants.default is None
    assert grants.named_or_default(None) == WORK


async def test_a_default_that_could_not_be_saved_is_not_the_default() -> None:
    grants, store = await loaded(a_grant(WORK), a_grant(HOME))
    store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await grants.set_default(HOME)
    assert grants.default is None


# --- saving ------------------------------------------------------------------------


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
    with pytest.raises(StoreFailedError):
        await grants.signed_in(a_grant(version=0))
    assert (await grants.signed_in(a_grant(version=0))).version == 8


async def test_a_failing_save_changes_nothing_at_hand() -> None:
    grants, store = await loaded(a_grant())
    store.fail_next_save(3)
    with pytest.raises(StoreFailedError):
        await grants.signed_in(a_grant(refresh_token="of-login"))
    with pytest.raises(StoreFailedError):
        await grants.ended(grants.get(WORK), GrantState.DEAD, "x")
    with pytest.raises(StoreFailedError):
        await grants.forget(grants.get(WORK))
    assert grants.get(WORK) == a_grant()
    assert store.grants[WORK] == a_grant()


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


# --- states ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "because", "reason"),
    [
        (GrantState.DEAD, "the issuer's words", "the issuer's words"),
        (GrantState.DEAD, None, "the issuer refused the grant"),
        (GrantState.SIGNED_OUT, None, "signed out"),
    ],
)
def test_a_grant_that_is_not_live_needs_a_login(
    state: GrantState, because: str | None, reason: str
) -> None:
    with pytest.raises(LoginRequiredError) as caught:
        require_live(replace(a_grant(), state=state, ended_because=because))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("because", "reason"), [("rapt", "rapt"), (None, "the issuer asks for it")]
)
def test_a_grant_whose_issuer_wants_the_person_says_so(
    because: str | None, reason: str
) -> None:
    grant = replace(a_grant(), state=GrantState.REAUTHENTICATE, ended_because=because)
    with pytest.raises(ReauthenticationRequiredError) as caught:
        require_live(grant)
    assert caught.value.reason == reason


def test_a_live_grant_passes() -> None:
    require_live(a_grant())
