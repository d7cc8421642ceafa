"""ID tokens for peers: checked, renewed where they are too old, and never another's."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    AudienceRefusedError,
    BrokerError,
    IssuerMalformedError,
    IssuerUnreachableError,
    LoginRequiredError,
    NoIdTokenError,
    NotPermittedError,
    UnknownAccountError,
)
from broker.model.grant import Grant, GrantState
from broker.model.issuer import IssuerPreset
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.services.asked_in_vain import PAUSE
from broker.services.id_token_checks import IdTokenServed, IdTokenWanted
from broker.services.token_cache import TokenKey
from tests.fakes.clock import run_until_idle
from tests.fakes.signer import Signer, unsigned
from tests.services.derived import CI, a_view
from tests.services.identified import (
    NOW,
    WITH_KEYS,
    TalkingIssuer,
    claims,
    id_token,
    identified,
)
from tests.services.world import ISSUER, PERSON, STRANGER, WORK, World, a_world

NONE = Seconds(0)
ALL = TokenKey(account=WORK, scopes=None, resource=None)
NEW = Signer("key-2")
DOWN = IssuerUnreachableError(issuer=ISSUER.url, what="no route", sent=False)


async def a_daemon(
    issuer: TalkingIssuer, grant: Grant | None = None, **members: object
) -> World:
    """One whose account is at `issuer`."""
    world = await a_world(grant or identified(**members))
    world.sender.answer_always(issuer)
    return world


async def asked(
    world: World, min_ttl: float = 0, audience: str | None = None
) -> IdTokenServed:
    wanted = IdTokenWanted(account=WORK, audience=audience, min_ttl=Seconds(min_ttl))
    return await world.id_tokens.id_token(PERSON, wanted)


# --- given -------------------------------------------------------------------------


async def test_one_refresh_brings_an_id_token_and_it_is_served_while_it_lives() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    served = await asked(world)
    assert served.token.value == issuer.id_token
    assert served.token.expires_at == UnixTime(NOW + 3600)
    assert (served.account, served.audience) == (WORK, "client-1")
    assert (served.issuer, served.subject) == (ISSUER.url, "person-1")
    assert await asked(world) == served
    assert issuer.asked == ["/token", "/jwks"]


async def test_a_sign_ins_is_for_its_client_whatever_api_a_view_of_it_is_for() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    view = a_view("drive", resource="https://api.example")
    world = await a_world(identified(), view)
    world.sender.answer_always(issuer)
    wanted = IdTokenWanted(account=CI, audience=None, min_ttl=NONE)
    assert (await world.id_tokens.id_token(PERSON, wanted)).subject == "person-1"


async def test_a_view_has_the_id_token_of_its_parent_under_its_own_name() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_world(identified(), a_view("drive"))
    world.sender.answer_always(issuer)
    wanted = IdTokenWanted(account=CI, audience=None, min_ttl=NONE)
    served = await world.id_tokens.id_token(PERSON, wanted)
    assert (served.account, served.subject) == (CI, "person-1")
    assert (await asked(world)).token == served.token
    assert issuer.tokens == 1


async def test_a_refresh_for_somebody_else_has_brought_one_already() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    await world.tokens.token(ALL, NONE)
    await asked(world)
    assert issuer.tokens == 1


async def test_a_rotated_refresh_token_is_durable_before_the_id_token_is_given() -> (
    None
):
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    await asked(world)
    assert world.store.grants[WORK].refresh_token == Secret("r-1")
    assert world.store.grants[WORK].intent is None


async def test_many_who_ask_at_once_cause_one_refresh() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    gate = world.sender.hold()
    asking = [asyncio.create_task(asked(world), name="ask") for _ in range(20)]
    await run_until_idle()
    gate.set()
    served = await asyncio.gather(*asking)
    assert {each.subject for each in served} == {"person-1"}
    assert issuer.tokens == 1


async def test_a_peer_that_hangs_up_leaves_the_refresh_running() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    gate = world.sender.hold()
    asking = asyncio.create_task(asked(world), name="ask")
    await run_until_idle()
    asking.cancel()
    gate.set()
    await run_until_idle()
    assert world.store.grants[WORK].refresh_token == Secret("r-1")
    await asked(world)
    assert issuer.tokens == 1


async def test_one_with_too_little_life_is_renewed() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    await asked(world)
    await world.clock.advance(Seconds(3400))
    issuer.id_token = id_token(exp=NOW + 9000)
    assert (await asked(world, min_ttl=100)).token.expires_at == UnixTime(NOW + 3600)
    assert (await asked(world, min_ttl=300)).token.expires_at == UnixTime(NOW + 9000)
    assert issuer.tokens == 2


async def test_one_that_is_born_with_less_is_given_until_half_its_life_is_gone() -> (
    None
):
    issuer = TalkingIssuer(id_token=id_token(exp=NOW + 100))
    world = await a_daemon(issuer)
    await asked(world, min_ttl=300)
    await world.clock.advance(Seconds(40))
    await asked(world, min_ttl=300)
    assert issuer.tokens == 1
    await world.clock.advance(Seconds(20))
    issuer.id_token = id_token(exp=NOW + 200)
    await asked(world, min_ttl=300)
    assert issuer.tokens == 2


async def test_one_that_lives_is_given_while_the_issuer_is_down() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    await asked(world)
    await world.clock.advance(Seconds(3400))
    world.sender.answer_always(DOWN)
    assert (await asked(world, min_ttl=300)).token.expires_at == UnixTime(NOW + 3600)
    await world.clock.advance(Seconds(300))
    with pytest.raises(IssuerUnreachableError):
        await asked(world)


async def test_the_documented_other_issuer_of_a_preset_is_taken() -> None:
    issuer = TalkingIssuer(id_token=id_token(iss="accounts.example"))
    grant = identified()
    grant = replace(grant, account=replace(grant.account, preset="p"))
    preset = IssuerPreset(
        name="p", issuer=ISSUER.url, accepts_mismatched_issuer="accounts.example"
    )
    world = await a_daemon(issuer, grant)
    world.presets["p"] = preset  # type: ignore[index]  # a dict, in the tests
    assert (await asked(world)).issuer == "accounts.example"


async def test_an_issuer_that_publishes_no_keys_is_taken_at_its_word() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token(NEW)), identified(ISSUER))
    assert (await asked(world)).subject == "person-1"


# --- for whom ----------------------------------------------------------------------


async def test_the_own_audience_may_be_named() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    assert (await asked(world, audience="client-1")).audience == "client-1"


async def test_another_audience_is_refused_before_anybody_is_asked() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    with pytest.raises(AudienceRefusedError) as caught:
        await asked(world, audience="https://other.example\x1b")
    assert caught.value.audience == "https://other.example "
    assert caught.value.own == "client-1"
    assert issuer.asked == []


async def test_a_stranger_gets_none() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    with pytest.raises(NotPermittedError):
        await world.id_tokens.id_token(STRANGER, IdTokenWanted(account=WORK))


async def test_there_is_none_of_an_account_that_is_not_there() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    wanted = IdTokenWanted(account=WORK)
    await world.tokens.token(ALL, NONE)
    await world.grants.forget(world.grants.get(WORK))
    with pytest.raises(UnknownAccountError):
        await world.id_tokens.id_token(PERSON, wanted)


async def test_there_is_none_of_a_grant_that_has_died() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    await asked(world)
    await world.grants.ended(world.grants.get(WORK), GrantState.DEAD, "revoked")
    with pytest.raises(LoginRequiredError):
        await asked(world)


async def test_a_lock_leaves_none_in_memory() -> None:
    world = await a_daemon(TalkingIssuer(id_token=id_token()))
    await asked(world)
    shelf = world.tokens.id_tokens
    await world.vault.lock()
    assert shelf.find(WORK) is None


# --- none --------------------------------------------------------------------------


async def test_without_openid_nobody_is_asked_for_one() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    grant = identified(scopes=frozenset({"drive"}))
    grant = replace(grant, account=replace(grant.account, scopes=("drive",)))
    world = await a_daemon(issuer, grant)
    with pytest.raises(NoIdTokenError, match="was not granted"):
        await asked(world)
    assert issuer.asked == []


async def test_without_a_refresh_token_that_of_the_sign_in_is_all_there_is() -> None:
    world = await a_daemon(TalkingIssuer(), identified(refresh_token=None))
    with pytest.raises(NoIdTokenError, match="no refresh token"):
        await asked(world)


async def test_an_issuer_that_gives_none_on_refresh_is_not_asked_each_time() -> None:
    issuer = TalkingIssuer(id_token=None)
    world = await a_daemon(issuer)
    for _ in range(5):
        with pytest.raises(NoIdTokenError, match="gives none"):
            await asked(world)
    assert issuer.tokens == 1
    await world.clock.advance(PAUSE)
    issuer.id_token = id_token()
    assert (await asked(world)).subject == "person-1"


async def test_one_that_lives_is_given_where_a_refresh_gives_no_newer_one() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    await asked(world)
    await world.clock.advance(Seconds(3400))
    issuer.id_token = None
    assert (await asked(world, min_ttl=300)).token.expires_at == UnixTime(NOW + 3600)


async def test_another_sign_in_is_asked_at_once() -> None:
    issuer = TalkingIssuer(id_token=None)
    world = await a_daemon(issuer)
    with pytest.raises(NoIdTokenError):
        await asked(world)
    await world.grants.signed_in(identified(granted_at=UnixTime(NOW + 1)))
    issuer.id_token = id_token()
    assert (await asked(world)).subject == "person-1"


# --- refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (id_token(NEW), "does not publish"),
        (id_token(aud="client-2"), "not for this client"),
        (id_token(aud=["client-1", "client-2"]), "not for this client"),
        (id_token(iss="https://evil.example"), "made by"),
        (id_token(exp=NOW - 1000), "expired"),
        (id_token(exp=NOW - 100), "expired already"),
        (id_token(iat=NOW + 1000), "in the future"),
        (id_token(at_hash="77QmUPtjPfzWtF2AnpK9RQ"), "another access token"),
        (id_token(sub=None), "'sub' is missing"),
        (Secret(unsigned({"alg": "none"}, claims())), "not a signed JWT"),
        (Secret("no-token"), "not a signed JWT"),
    ],
)
async def test_openid_core_section_12_2_what_a_refresh_gives_is_checked(
    given: Secret, fault: str
) -> None:
    issuer = TalkingIssuer(id_token=given)
    world = await a_daemon(issuer)
    for _ in range(2):
        with pytest.raises(IssuerMalformedError, match=fault):
            await asked(world)
    # And not again for each who asks; the access token is not held up by it.
    assert issuer.tokens == 1
    assert (await world.tokens.token(ALL, NONE)).value == Secret("access-1")


async def test_openid_core_section_12_2_another_subject_spoils_no_grant() -> None:
    issuer = TalkingIssuer(id_token=id_token(sub="person-2"))
    world = await a_daemon(issuer)
    with pytest.raises(IssuerMalformedError, match="somebody else's"):
        await asked(world)
    saved = world.store.grants[WORK]
    assert saved.refresh_token == Secret("refresh-1")
    assert saved.subject == "person-1"
    # It may have been spent: it is tried once more, as after a crash.
    assert saved.intent is not None
    assert world.tokens.id_tokens.find(WORK) is None
    assert world.tokens.cached(ALL, NONE) is None


async def test_of_a_person_who_is_not_known_any_subject_is_taken() -> None:
    world = await a_daemon(
        TalkingIssuer(id_token=id_token(sub="person-2")), subject=None
    )
    assert (await asked(world)).subject == "person-2"


async def test_one_whose_key_is_withdrawn_is_renewed() -> None:
    issuer = TalkingIssuer(
        id_token=id_token(), headers={"cache-control": "max-age=600"}
    )
    world = await a_daemon(issuer)
    await asked(world)
    issuer.keys, issuer.id_token = (NEW,), id_token(NEW)
    await world.clock.advance(Seconds(700))
    assert (await asked(world)).token.value == issuer.id_token
    assert issuer.tokens == 2


async def test_openid_core_section_12_2_one_at_hand_is_looked_at_too() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    await asked(world)
    laid = world.tokens.id_tokens.find(WORK)
    assert laid is not None
    world.tokens.id_tokens.put(WORK, replace(laid, value=id_token(sub="person-2")))
    assert (await asked(world)).subject == "person-1"
    assert issuer.tokens == 2


async def test_none_is_given_that_cannot_be_checked() -> None:
    issuer = TalkingIssuer(id_token=id_token(), keys=DOWN)
    world = await a_daemon(issuer)
    for _ in range(2):
        with pytest.raises(IssuerUnreachableError):
            await asked(world)
    # What is at hand may be good: nobody else would get another for it.
    assert issuer.tokens == 1


async def test_a_login_that_is_faster_than_the_refresh_is_looked_at_instead() -> None:
    issuer = TalkingIssuer(id_token=id_token())
    world = await a_daemon(issuer)
    gate = world.sender.hold()
    asking = asyncio.create_task(asked(world), name="ask")
    await run_until_idle()
    newer = identified(granted_at=UnixTime(NOW + 1), refresh_token=Secret("other"))
    await world.grants.signed_in(newer)
    gate.set()
    assert (await asking).subject == "person-1"
    assert issuer.tokens == 2


async def test_the_errors_of_an_id_token_have_no_token_in_them() -> None:
    issuer = TalkingIssuer(id_token=id_token(NEW))
    world = await a_daemon(issuer)
    with pytest.raises(BrokerError) as caught:
        await asked(world)
    assert "eyJ" not in str(caught.value)
    assert WITH_KEYS.url in str(caught.value)
