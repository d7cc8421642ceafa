"""Bound tokens (RFC 9449) from the sign-in on: what is sent, kept and refused."""

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    DpopUnsupportedError,
    IssuerMalformedError,
    LoginRequiredError,
    RefreshRefusedError,
)
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import IssuerPreset
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.dpop import thumbprint
from broker.services.login import Login, LoginState
from broker.services.sign_in import SignInRequest
from broker.services.token_cache import TokenKey
from broker.services.way_in import LoginOptions
from tests.fakes.proofs import read_proof
from tests.fakes.sender import json_response
from tests.services.person import a_request, asked, completed
from tests.services.test_redemption import id_token
from tests.services.world import (
    DPOP_KEY,
    ISSUER,
    METADATA,
    WORK,
    World,
    a_bound_grant,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

ALL = TokenKey(account=WORK, scopes=None, resource=None)
NONE = Seconds(0)
WITH_DPOP = {**METADATA, "dpop_signing_alg_values_supported": ["RS256", "ES256"]}
DPOP_ISSUER = replace(ISSUER, dpop_algorithms=("ES256",))


def bound_answer(value: str = "access-1", **members: object) -> HttpResponse:
    return token_answer(value, token_type="DPoP", **members)


def nonce_wanted(nonce: str) -> HttpResponse:
    return json_response(
        {"error": "use_dpop_nonce"}, status=400, headers={"dpop-nonce": nonce}
    )


def claims(request: HttpRequest) -> dict[str, object]:
    return read_proof(request.headers["DPoP"])[1]


async def begun_bound(world: World, **named: object) -> Login:
    world.sender.script(json_response(WITH_DPOP))
    request = a_request(dpop=True, **named)
    return (await world.logins.start(request, LoginOptions())).login


async def begun_again(world: World, *, dpop: bool | None = None) -> Login:
    request = SignInRequest(account=WORK, dpop=dpop)
    return (await world.logins.start(request, LoginOptions())).login


# --- the sign-in -------------------------------------------------------------------


async def test_rfc9449_section_10_the_code_is_bound_to_the_key_that_proves_it() -> None:
    world = await a_world()
    login = await begun_bound(world)
    jkt = asked(login)["dpop_jkt"]
    await completed(world, login, bound_answer(refresh_token="r-1"))
    header, said = read_proof(world.sender.requests[-1].headers["DPoP"])
    assert (said["htm"], said["htu"]) == ("POST", ISSUER.token_endpoint)
    grant = world.store.grants[WORK]
    assert grant.dpop_key is not None
    assert thumbprint(grant.dpop_key) == jkt
    assert dict(header["jwk"])["x"] in grant.dpop_key.reveal()  # type: ignore[call-overload]


async def test_rfc9449_section_10_1_a_pushed_request_binds_its_code_too() -> None:
    world = await a_world()
    endpoint = "https://issuer.example/par"
    metadata = {**WITH_DPOP, "pushed_authorization_request_endpoint": endpoint}
    pushed = {"request_uri": "urn:example:1", "expires_in": 60}
    world.sender.script(json_response(metadata), json_response(pushed, status=201))
    started = await world.logins.start(a_request(dpop=True), LoginOptions())
    key = started.login.own.dpop_key
    assert key is not None
    assert world.sender.requests[-1].url == endpoint
    assert world.sender.form()["dpop_jkt"] == thumbprint(key)


async def test_the_token_is_served_as_what_it_is() -> None:
    world = await a_world()
    await completed(world, await begun_bound(world), bound_answer(refresh_token="r"))
    token = await world.tokens.token(ALL, NONE)
    assert token.token_type == "DPoP"


async def test_a_login_without_dpop_asks_for_no_bound_code_and_proves_nothing() -> None:
    world = await a_world()
    world.sender.script(json_response(WITH_DPOP))
    login = (await world.logins.start(a_request(), LoginOptions())).login
    assert "dpop_jkt" not in asked(login)
    await completed(world, login, token_answer(refresh_token="r"))
    assert "DPoP" not in world.sender.requests[-1].headers
    assert world.store.grants[WORK].dpop_key is None


async def test_rfc9449_section_5_a_bearer_token_in_place_of_a_bound_one_ends_it() -> (
    None
):
    world = await a_world()
    login = await begun_bound(world)
    await completed(world, login, token_answer(refresh_token="r"))
    assert isinstance(login.error, IssuerMalformedError)
    assert WORK not in world.store.grants


async def test_a_bound_token_where_none_was_asked_for_ends_it() -> None:
    world = await a_world()
    world.sender.script(json_response(METADATA))
    login = (await world.logins.start(a_request(), LoginOptions())).login
    await completed(world, login, bound_answer(refresh_token="r"))
    assert isinstance(login.error, IssuerMalformedError)


async def test_rfc9449_section_8_a_code_is_sent_once_more_with_the_nonce() -> None:
    world = await a_world()
    login = await begun_bound(world)
    world.sender.script(nonce_wanted("n-1"))
    await completed(world, login, bound_answer(refresh_token="r-1"))
    assert login.state is LoginState.COMPLETE
    assert world.sender.form(-2) == world.sender.form(-1)
    assert claims(world.sender.requests[-1])["nonce"] == "n-1"


@pytest.mark.parametrize("offered", [[], ["RS256", "EdDSA"]])
async def test_an_issuer_that_does_not_offer_dpop_is_told_before_the_browser_opens(
    offered: list[str],
) -> None:
    world = await a_world()
    metadata = {**METADATA, "dpop_signing_alg_values_supported": offered}
    world.sender.script(json_response(metadata))
    with pytest.raises(DpopUnsupportedError) as caught:
        await world.logins.start(a_request(dpop=True), LoginOptions())
    assert caught.value.offered == tuple(offered)
    assert world.listener.opened == []


async def test_the_private_key_is_forgotten_by_a_login_that_has_ended() -> None:
    world = await a_world()
    login = await begun_bound(world)
    assert login.own.dpop_key is not None
    login.fail("enough")
    assert login.own.dpop_key is None


async def test_a_preset_that_says_so_asks_for_bound_tokens_by_itself() -> None:
    preset = IssuerPreset(name="bank", issuer=ISSUER.url, dpop=True)
    world = World(presets={"bank": preset})
    await world.vault.open_at_start()
    world.sender.script(json_response(WITH_DPOP))
    started = await world.logins.start(a_request(issuer="bank"), LoginOptions())
    assert "dpop_jkt" in asked(started.login)


# --- the next sign-in --------------------------------------------------------------


def kept_grant() -> Grant:
    """A bound grant of a person who is known by `openid`."""
    grant = a_bound_grant()
    account = replace(grant.account, issuer=DPOP_ISSUER, scopes=("openid", "drive"))
    return replace(grant, account=account, subject="person-1")


async def test_login_name_alone_repeats_a_bound_sign_in_with_the_same_key() -> None:
    world = await a_world(kept_grant())
    login = await begun_again(world)
    assert asked(login)["dpop_jkt"] == thumbprint(DPOP_KEY)
    answer = bound_answer(id_token=id_token(login))
    await completed(world, login, answer)
    kept = world.store.grants[WORK]
    assert (kept.dpop_key, kept.refresh_token) == (DPOP_KEY, Secret("refresh-1"))


async def test_a_refresh_token_that_is_bound_is_not_kept_for_a_grant_that_is_not() -> (
    None
):
    world = await a_world(kept_grant())
    login = await begun_again(world, dpop=False)
    assert "dpop_jkt" not in asked(login)
    await completed(world, login, token_answer(id_token=id_token(login)))
    kept = world.store.grants[WORK]
    assert (kept.dpop_key, kept.refresh_token) == (None, None)
    assert not kept.account.dpop


async def test_after_a_log_out_that_keeps_the_sign_in_the_key_is_another() -> None:
    world = await a_world(kept_grant().signed_out())
    login = await begun_again(world)
    assert asked(login)["dpop_jkt"] != thumbprint(DPOP_KEY)


# --- refreshes ---------------------------------------------------------------------


@pytest.fixture
async def world() -> World:
    return await a_world(a_bound_grant())


async def test_a_refresh_is_proven_with_the_key_of_the_grant(world: World) -> None:
    world.sender.script(bound_answer("access-2", refresh_token="refresh-2"))
    token = await world.tokens.token(ALL, NONE)
    assert token.token_type == "DPoP"
    header, said = read_proof(world.sender.requests[-1].headers["DPoP"])
    assert said["htu"] == ISSUER.token_endpoint
    assert "ath" not in said
    assert dict(header["jwk"])["x"] in DPOP_KEY.reveal()  # type: ignore[call-overload]
    kept = world.store.grants[WORK]
    assert (kept.dpop_key, kept.refresh_token) == (DPOP_KEY, Secret("refresh-2"))


async def test_rfc9449_section_8_a_refresh_token_is_sent_once_more_with_the_nonce(
    world: World,
) -> None:
    world.sender.script(nonce_wanted("n-1"), bound_answer(refresh_token="refresh-2"))
    await world.tokens.token(ALL, NONE)
    assert [world.sender.form(n)["refresh_token"] for n in (0, 1)] == ["refresh-1"] * 2
    assert world.store.grants[WORK].intent is None


async def test_rfc9449_section_5_a_refresh_that_gives_a_bearer_token_gives_nothing(
    world: World,
) -> None:
    world.sender.script(token_answer("access-2"))
    with pytest.raises(IssuerMalformedError, match="bound token"):
        await world.tokens.token(ALL, NONE)


@pytest.mark.parametrize("error", ["use_dpop_nonce", "invalid_dpop_proof"])
async def test_a_proof_that_is_refused_does_not_end_the_grant(
    world: World, error: str
) -> None:
    world.sender.answer_always(refusal(error))
    with pytest.raises(RefreshRefusedError):
        await world.tokens.token(ALL, NONE)
    kept = world.store.grants[WORK]
    assert (kept.state, kept.intent) == (GrantState.LIVE, None)


async def test_a_grant_that_is_not_bound_is_refreshed_without_a_proof() -> None:
    world = await a_world(a_grant())
    world.sender.script(token_answer())
    await world.tokens.token(ALL, NONE)
    assert "DPoP" not in world.sender.requests[-1].headers


async def test_a_dead_bound_grant_needs_a_login_like_any_other(world: World) -> None:
    world.sender.script(refusal("invalid_grant"))
    with pytest.raises(LoginRequiredError):
        await world.tokens.token(ALL, NONE)
    assert AccountName("work") in world.store.grants
