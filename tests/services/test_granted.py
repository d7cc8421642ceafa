"""Of whose grant a token is, and that nobody is given more than was granted."""

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    ResourceNotGrantedError,
    ScopeNotGrantedError,
    UnknownAccountError,
)
from broker.services.granted import asked_of, require_granted
from broker.services.grants import Grants
from tests.services.derived import CI, a_view
from tests.services.world import HOME, WORK, a_grant, a_world

API = "https://api.example"


async def grants_of_a_view_of_a_view() -> Grants:
    outer = AccountName("outer")
    world = await a_world(
        a_grant(scopes="drive mail admin"),
        a_view("drive", "mail"),
        a_view("mail", name=outer, parent=CI, resource=API),
    )
    return world.grants


async def test_what_is_asked_of_a_view_is_asked_of_its_grant_as_narrow_as_it_is() -> (
    None
):
    grants = await grants_of_a_view_of_a_view()
    grant, key = asked_of(grants, AccountName("outer"), None, None)
    assert grant is grants.get(WORK)
    assert (key.account, key.scopes, key.resource) == (WORK, frozenset({"mail"}), API)


async def test_more_than_the_narrowest_view_on_the_way_is_refused() -> None:
    grants = await grants_of_a_view_of_a_view()
    with pytest.raises(ScopeNotGrantedError):
        asked_of(grants, AccountName("outer"), frozenset({"drive"}), None)
    with pytest.raises(ResourceNotGrantedError):
        asked_of(grants, AccountName("outer"), None, "https://other.example")


async def test_an_account_that_nobody_knows_is_unknown() -> None:
    world = await a_world(a_grant())
    with pytest.raises(UnknownAccountError):
        asked_of(world.grants, HOME, None, None)


def test_scopes_that_were_granted_are_fine_and_so_is_all_of_it() -> None:
    for scopes in (None, frozenset({"mail"}), frozenset({"drive", "mail"})):
        require_granted(a_grant(), scopes=scopes)


def test_a_scope_that_was_not_granted_is_named_and_refused() -> None:
    grant = a_grant()
    account = replace(grant.account, scopes=("mail", "drive"))
    with pytest.raises(ScopeNotGrantedError) as caught:
        require_granted(
            replace(grant, account=account),
            scopes=frozenset({"mail", "admin", "Drive"}),
        )
    assert caught.value.missing == ("Drive", "admin")
    # In the order in which the person named them.
    assert caught.value.wanted == ("mail", "drive", "Drive", "admin")


def test_a_person_who_named_no_scope_keeps_what_the_issuer_chose() -> None:
    grant = a_grant()
    unnamed = replace(grant, account=replace(grant.account, scopes=()))
    with pytest.raises(ScopeNotGrantedError) as caught:
        require_granted(unnamed, scopes=frozenset({"admin"}))
    assert caught.value.wanted == ("drive", "mail", "admin")
