"""Which account is meant, and whether its grant can give tokens."""

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    AccountNeededError,
    LoginRequiredError,
    NoAccountsError,
    ReauthenticationRequiredError,
    StoreFailedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState, require_live
from broker.services.grants import Grants
from tests.fakes.store import MemoryStore
from tests.services.world import HOME, WORK, a_grant


async def loaded(*grants: Grant) -> tuple[Grants, MemoryStore]:
    store = MemoryStore(*grants)
    read = Grants(store)
    await read.load()
    return read, store


async def test_the_only_account_is_meant_where_none_is_named() -> None:
    grants, _ = await loaded(a_grant(WORK))
    assert grants.named_or_default(None) == WORK
    assert grants.default is None


async def test_of_several_accounts_none_is_guessed() -> None:
    grants, _ = await loaded(a_grant(WORK), a_grant(HOME))
    with pytest.raises(AccountNeededError) as caught:
        grants.named_or_default(None)
    assert caught.value.accounts == (HOME, WORK)


async def test_with_no_account_at_all_there_is_none_to_name() -> None:
    grants, _ = await loaded()
    with pytest.raises(NoAccountsError):
        grants.named_or_default(None)


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
