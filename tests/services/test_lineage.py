"""Views: another account's tokens, narrower, under a name of their own."""

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    LoginRequiredError,
    NotExportableError,
    NotNarrowedError,
    NotPermittedError,
    ResourceNotGrantedError,
    ScopeNotGrantedError,
)
from broker.model.grant import GrantState
from broker.model.log_out import LogOutOptions
from broker.model.policy import Policy, Verdict
from broker.model.token import DPOP
from broker.services.lineage import as_shown
from broker.services.proofs import ProofWanted
from broker.services.served import TokenServed, TokenWanted
from tests.services.derived import CI, a_view, both
from tests.services.world import (
    HOME,
    PERSON,
    WORK,
    World,
    a_bound_grant,
    a_grant,
    a_world,
    digest,
    token_answer,
)

INNER = AccountName("inner")
API, OTHER = "https://api.example", "https://other.example"


async def served(
    world: World,
    *scopes: str,
    account: AccountName = CI,
    resource: str | None = None,
) -> TokenServed:
    """What a peer gets."""
    wanted = TokenWanted(
        account=account, scopes=frozenset(scopes) or None, resource=resource
    )
    found = world.access.cached_token(PERSON, wanted)
    return found or await world.access.token(PERSON, wanted)


def value(answer: TokenServed) -> str:
    return answer.token.value.reveal()


async def test_without_scopes_it_gives_exactly_its_own() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    issuers = both(world)
    answer = await served(world)
    assert issuers.refreshes[0]["scope"] == ["mail"]
    assert answer.account == CI
    assert answer.token.scopes == {"mail"}
    assert not answer.extra_scopes


async def test_its_token_is_the_parents_and_so_is_its_place_in_the_cache() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    issuers = both(world)
    first = await served(world)
    again = await served(world, "mail", account=WORK)
    assert value(first) == value(again)
    assert (first.account, again.account) == (CI, WORK)
    assert len(issuers.refreshes) == 1


async def test_the_answer_of_a_view_is_kept_for_who_asks_again() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    await served(world)
    assert await served(world) is await served(world)


async def test_more_than_it_has_is_refused_in_its_own_name() -> None:
    world = await a_world(a_grant(scopes="drive mail"), a_view("mail"))
    with pytest.raises(ScopeNotGrantedError) as caught:
        await served(world, "mail", "drive")
    assert caught.value.account == CI
    assert caught.value.missing == ("drive",)
    assert caught.value.made_with == ("--from", "work")


async def test_the_command_that_makes_it_anew_forgets_nothing() -> None:
    world = await a_world(a_grant(scopes="drive mail"), a_view("mail", wider=True))
    with pytest.raises(ScopeNotGrantedError) as caught:
        await served(world, "drive")
    assert caught.value.made_with == ("--from", "work", "--allow-wider")


async def test_what_the_parent_has_no_more_is_refused_in_the_parents_name() -> None:
    world = await a_world(a_grant(scopes="drive"), a_view("mail"))
    with pytest.raises(ScopeNotGrantedError) as caught:
        await served(world)
    assert caught.value.account == WORK


async def test_a_view_of_an_api_is_of_that_one_alone() -> None:
    world = await a_world(a_grant(), a_view("mail", resource=API))
    issuers = both(world)
    await served(world)
    assert issuers.refreshes[0]["resource"] == [API]
    await served(world, resource=API)
    with pytest.raises(ResourceNotGrantedError) as caught:
        await served(world, resource=OTHER)
    assert caught.value.account == CI


async def test_a_view_of_an_api_alone_leaves_the_scopes_to_who_asks() -> None:
    world = await a_world(a_grant(), a_view(resource=API))
    issuers = both(world)
    await served(world)
    await served(world, "mail")
    assert "scope" not in issuers.refreshes[0]
    assert issuers.refreshes[1]["scope"] == ["mail"]


async def test_a_view_of_a_view_is_as_narrow_as_both() -> None:
    inner = a_view("mail", name=INNER, parent=CI)
    world = await a_world(a_grant(), a_view("mail", "drive", resource=API), inner)
    issuers = both(world)
    answer = await served(world, account=INNER)
    assert answer.account == INNER
    assert issuers.refreshes[0]["scope"] == ["mail"]
    assert issuers.refreshes[0]["resource"] == [API]


@pytest.mark.parametrize("keep_sign_in", [True, False])
async def test_after_the_parents_log_out_the_parent_is_to_sign_in(
    keep_sign_in: bool,  # noqa: FBT001 - of the two
) -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    await served(world)
    options = LogOutOptions(local_only=True, keep_sign_in=keep_sign_in)
    await world.accounts.log_out(WORK, options)
    with pytest.raises(LoginRequiredError) as caught:
        await served(world)
    assert caught.value.account == WORK
    assert caught.value.is_gone != keep_sign_in
    assert as_shown(world.grants, world.grants.get(CI)).state is GrantState.SIGNED_OUT


async def test_the_parents_next_sign_in_is_the_views() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    await world.accounts.log_out(WORK, LogOutOptions(local_only=True))
    await world.grants.signed_in(a_grant())
    assert (await served(world)).token.scopes == {"mail"}


async def test_the_log_out_of_a_view_leaves_the_parents_tokens_alone() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    issuers = both(world)
    await served(world)
    await world.accounts.log_out(CI, LogOutOptions())
    assert world.grants.find(CI) is None
    await served(world, "mail", account=WORK)
    assert len(issuers.refreshes) == 1


async def test_an_answer_goes_with_the_view_that_it_was_given_under() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    assert await served(world) is not await served(world) is await served(world)
    await world.grants.forget(world.grants.get(CI))
    await world.grants.signed_in(a_view("drive"))
    assert (await served(world)).token.scopes == {"drive"}


async def test_an_answer_goes_with_the_grant_that_it_is_of() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    assert await served(world) is not await served(world) is await served(world)
    await world.grants.ended(world.grants.get(WORK), GrantState.DEAD, "revoked")
    with pytest.raises(LoginRequiredError):
        await served(world)


async def test_a_token_that_can_do_more_is_not_given_as_a_narrow_one() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    world.sender.answer_always(token_answer(scope="mail drive"))
    for _ in range(2):  # the first time, and from memory
        with pytest.raises(NotNarrowedError) as caught:
            await served(world)
        assert (caught.value.account, caught.value.extra) == (CI, ("drive",))
    assert (await served(world, "mail", account=WORK)).extra_scopes == {"drive"}


async def test_who_has_allowed_it_is_given_the_wider_one_and_told() -> None:
    world = await a_world(a_grant(), a_view("mail", wider=True))
    world.sender.answer_always(token_answer(scope="mail drive"))
    assert (await served(world)).extra_scopes == {"drive"}


async def test_a_strict_view_of_a_lenient_one_stays_strict() -> None:
    lenient = a_view("mail", wider=True)
    world = await a_world(a_grant(), lenient, a_view("mail", name=INNER, parent=CI))
    world.sender.answer_always(token_answer(scope="mail drive"))
    with pytest.raises(NotNarrowedError, match="inner"):
        await served(world, account=INNER)


async def test_whoever_names_none_still_means_the_one_that_stands_by_itself() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    both(world)
    assert (await world.access.token(PERSON, TokenWanted())).account == WORK


async def test_a_view_can_be_the_default() -> None:
    world = await a_world(a_grant(), a_grant(HOME), a_view("mail"))
    both(world)
    await world.accounts.set_default(CI)
    assert (await world.access.token(PERSON, TokenWanted())).account == CI


async def test_its_proofs_are_made_with_the_parents_key() -> None:
    world = await a_world(a_bound_grant(), a_view("mail"))
    world.sender.answer_always(token_answer(token_type="DPoP"))
    token = (await served(world)).token
    assert token.token_type == DPOP
    wanted = ProofWanted(
        account=CI,
        method="GET",
        url="https://api.example/",
        token_digest=digest(token.value.reveal()),
    )
    made = world.proofs.proof(PERSON, wanted)
    assert made.account == CI


async def test_it_cannot_be_exported() -> None:
    world = await a_world(a_grant(), a_view("mail"))
    with pytest.raises(NotExportableError) as caught:
        await world.moving_out.export(CI)
    assert "'work'" in caught.value.what


async def test_a_list_shows_the_parents_issuer_and_the_views_scopes() -> None:
    moved = a_grant()
    issuer = replace(moved.account.issuer, url="https://moved.example")
    moved = replace(moved, account=replace(moved.account, issuer=issuer))
    world = await a_world(moved, a_view("mail"), a_view(name=INNER, resource=API))
    shown = as_shown(world.grants, world.grants.get(CI))
    assert shown.account.issuer == issuer
    assert shown.scopes == {"mail"}
    assert shown.state is GrantState.LIVE
    inner = as_shown(world.grants, world.grants.get(INNER))
    assert inner.scopes == moved.scopes


async def test_a_list_shows_that_the_parent_needs_the_person() -> None:
    dead = replace(a_grant(), state=GrantState.DEAD, ended_because="revoked")
    world = await a_world(dead, a_view("mail"))
    shown = as_shown(world.grants, world.grants.get(CI))
    assert (shown.state, shown.ended_because) == (GrantState.DEAD, "work: revoked")


async def test_what_the_policy_denies_of_an_account_a_view_of_it_does_not_give() -> (
    None
):
    inner = a_view("mail", name=INNER, parent=CI)
    world = await a_world(a_grant(), a_view("mail"), inner, a_grant(HOME))
    both(world)
    await served(world, account=INNER)
    policies = world.vault.require_open().policies
    for denied in (WORK, CI, INNER):
        await policies.set(Policy(accounts={denied: Verdict.DENY}))
        with pytest.raises(NotPermittedError, match=f"default of {denied}"):
            await served(world, account=INNER)
    await policies.set(Policy(accounts={HOME: Verdict.DENY}))
    await served(world, account=INNER)
