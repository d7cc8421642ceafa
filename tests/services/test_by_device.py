"""Signing in by a code that is entered elsewhere: when the issuer is asked, and how."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    DeviceCodeExpiredError,
    DeviceScopeRefusedError,
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LockedError,
    LoginRefusedError,
    PasteRefusedError,
    WayRefusedError,
)
from broker.model.http import HttpResponse
from broker.model.issuer import IssuerPreset
from broker.model.secret import Secret
from broker.model.store import VaultState
from broker.model.time import Seconds
from broker.model.way import Way
from broker.services.login import Login, LoginState
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.services.person import a_request
from tests.services.test_redemption import id_token
from tests.services.world import (
    ISSUER,
    METADATA,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)

ENDPOINT = f"{ISSUER.url}/device_authorization"
HERE = {
    **METADATA,
    "device_authorization_endpoint": ENDPOINT,
    "code_challenge_methods_supported": ["S256"],
}
CODE: dict[str, object] = {
    "device_code": "device-1",
    "user_code": "WDJB-MJHT",
    "verification_uri": f"{ISSUER.url}/device",
    "expires_in": 1800,
    "interval": 5,
}
PENDING = refusal("authorization_pending")
SLOW_DOWN = refusal("slow_down")
DOWN = IssuerUnreachableError(issuer=ISSUER.url, what="no answer in time")
BY_DEVICE = LoginOptions(way=Way.DEVICE, timeout=Seconds(3600))


async def begun(
    world: World,
    *,
    options: LoginOptions = BY_DEVICE,
    scopes: str = "drive",
    **code: object,
) -> Login:
    """A login whose code is shown; `code` changes the issuer's answer."""
    world.sender.script(json_response(HERE), json_response({**CODE, **code}))
    request = a_request(scopes=tuple(scopes.split()))
    return (await world.logins.start(request, options)).login


async def refused_at_once(world: World, answer: HttpResponse) -> BrokerError:
    world.sender.script(json_response(HERE), answer)
    with pytest.raises(BrokerError) as refused:
        await world.logins.start(a_request(), BY_DEVICE)
    return refused.value


async def ended(world: World, login: Login, *answers: object) -> BrokerError | None:
    """How it ended when the issuer had given these answers."""
    world.sender.script(*answers)  # type: ignore[arg-type]
    await world.clock.advance(Seconds(3600))
    assert login.has_ended
    return login.error


def polls(world: World) -> int:
    """How often the token endpoint was asked."""
    return sum(r.url == ISSUER.token_endpoint for r in world.sender.requests)


async def moments(world: World, seconds: int) -> list[int]:
    """The seconds from now at which the token endpoint is asked."""
    found, before = [], polls(world)
    for second in range(1, seconds + 1):
        await world.clock.advance(Seconds(1))
        if polls(world) > before:
            found.append(second)
        before = polls(world)
    return found


# --- the beginning ----------------------------------------------------------------


async def test_a_login_fetches_a_code_and_shows_where_it_is_entered() -> None:
    world = await a_world()
    login = await begun(world)
    assert world.sender.requests[-1].url == ENDPOINT
    assert world.sender.form() == {"client_id": "client-1", "scope": "drive"}
    assert login.device is not None
    assert login.device.user_code == "WDJB-MJHT"
    assert login.expires_at == world.clock.now().wall + 1800
    assert world.listener.opened == []
    assert login.authorization_url == login.redirect_uri == ""


async def test_an_issuer_without_the_endpoint_is_told_and_nothing_else_is_tried() -> (
    None
):
    world = await a_world()
    world.sender.script(json_response(METADATA))
    with pytest.raises(WayRefusedError) as refused:
        await world.logins.start(a_request(), BY_DEVICE)
    assert refused.value.way == "device"
    assert world.listener.opened == []


async def test_a_browser_login_never_falls_back_to_a_device_code() -> None:
    world = await a_world()
    world.listener.taken.add(8080)
    world.sender.script(json_response(HERE))
    await world.logins.start(a_request(), LoginOptions())
    assert [r.url for r in world.sender.requests if r.url == ENDPOINT] == []


async def test_a_locked_store_refuses_before_the_issuer_is_asked() -> None:
    world = await a_world(a_grant())
    await world.vault.lock()
    with pytest.raises(LockedError):
        await world.logins.start(a_request(), BY_DEVICE)
    assert world.sender.requests == []


async def test_a_scope_that_google_gives_no_device_is_told_with_those_it_gives() -> (
    None
):
    google = IssuerPreset(
        name="google", issuer=ISSUER.url, device_scopes=("openid", "email")
    )
    world = World(presets={"google": google})
    await world.vault.open_at_start()
    answer = refusal("invalid_scope", error_description="Invalid device flow scope: x")
    error = await refused_at_once(world, answer)
    assert isinstance(error, DeviceScopeRefusedError)
    assert error.allowed == ("openid", "email")
    assert error.description == "Invalid device flow scope: x"


async def test_a_scope_is_refused_without_a_list_where_none_is_known() -> None:
    error = await refused_at_once(await a_world(), refusal("invalid_scope"))
    assert isinstance(error, DeviceScopeRefusedError)
    assert error.allowed == ()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("unauthorized_client"), ClientRejectedError),
        (refusal("invalid_client", 401), ClientRejectedError),
        (
            json_response({"error_code": "rate_limit_exceeded"}, 403),
            IssuerOverloadedError,
        ),
        (HttpResponse(status=503), IssuerOverloadedError),
        (HttpResponse(status=200, body=b"<html>"), IssuerMalformedError),
        (json_response({**CODE, "user_code": "\x1b[2K"}), IssuerMalformedError),
        (
            json_response({**CODE, "verification_uri": "javascript:x"}),
            IssuerInvalidError,
        ),
    ],
)
async def test_a_login_that_cannot_begin_leaves_nothing_behind(
    answer: HttpResponse, error: type[BrokerError]
) -> None:
    world = await a_world()
    assert isinstance(await refused_at_once(world, answer), error)
    assert world.logins.all() == []
    assert world.clock.sleeping == 0


# --- asking -----------------------------------------------------------------------


async def test_rfc8628_section_3_5_the_issuer_is_asked_at_its_interval() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world, interval=7)
    assert await moments(world, 30) == [7, 14, 21, 28]


async def test_rfc8628_section_3_2_without_an_interval_every_five_seconds() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world, interval=None)
    assert await moments(world, 16) == [5, 10, 15]


async def test_rfc8628_section_3_5_slow_down_adds_five_seconds_for_ever() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world)
    world.sender.script(SLOW_DOWN, PENDING, SLOW_DOWN)
    assert await moments(world, 80) == [5, 15, 25, 40, 55, 70]


async def test_slow_down_with_429_holds_for_all_later_questions_too() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world)
    world.sender.script(refusal("slow_down", 429))
    assert await moments(world, 50) == [5, 25, 35, 45]


async def test_rfc8628_section_3_5_time_outs_double_the_wait_until_an_answer() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world)
    world.sender.script(DOWN, DOWN, HttpResponse(status=502))
    assert await moments(world, 90) == [5, 15, 35, 75, 80, 85, 90]


async def test_a_fault_of_the_issuers_own_is_waited_out() -> None:
    world = await a_world()
    login = await begun(world)
    faults = (refusal("temporarily_unavailable"), refusal("server_error", 400))
    assert await ended(world, login, *faults, token_answer(refresh_token="r")) is None
    assert login.state is LoginState.COMPLETE


async def test_the_issuer_is_not_asked_before_the_moment_that_it_names() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world)
    world.sender.script(HttpResponse(status=503, headers={"retry-after": "42"}))
    assert await moments(world, 50) == [5, 47]


async def test_a_suspended_machine_does_not_ask_for_what_it_has_missed() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world)
    await world.clock.suspend(Seconds(600))
    assert polls(world) == 1


async def test_every_question_carries_the_device_code_and_the_grant_type() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    await begun(world)
    await world.clock.advance(Seconds(5))
    assert world.sender.form() == {
        "client_id": "client-1",
        "device_code": "device-1",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
    }


# --- the end ----------------------------------------------------------------------


async def test_the_tokens_are_kept_once_the_person_has_agreed() -> None:
    world = await a_world()
    login = await begun(world)
    answer = token_answer(refresh_token="r-1", scope="drive")
    assert await ended(world, login, PENDING, PENDING, answer) is None
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].refresh_token == Secret("r-1")
    assert polls(world) == 3
    assert world.clock.sleeping == 0


async def test_nobody_asks_after_expires_in() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    login = await begun(world, expires_in=12)
    assert await moments(world, 60) == [5, 10]
    assert isinstance(login.error, DeviceCodeExpiredError)
    assert login.error.seconds == 12


async def test_a_code_that_is_good_for_years_is_awaited_for_an_hour() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    login = await begun(world, expires_in=1e9, interval=600)
    assert await moments(world, 4000) == [600, 1200, 1800, 2400, 3000]
    assert isinstance(login.error, DeviceCodeExpiredError)


async def test_an_interval_that_is_longer_than_the_code_lives_ends_with_it() -> None:
    world = await a_world()
    login = await begun(world, interval=1e9)
    assert isinstance(await ended(world, login), DeviceCodeExpiredError)
    assert polls(world) == 0


async def test_the_person_may_wait_for_less_than_the_code_lives() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    options = replace(BY_DEVICE, timeout=Seconds(11))
    login = await begun(world, options=options)
    assert await moments(world, 60) == [5, 10]
    assert login.has_ended


async def test_who_could_not_be_reached_to_the_end_is_said() -> None:
    world = await a_world()
    world.sender.answer_always(DOWN)
    login = await begun(world)
    assert isinstance(await ended(world, login), IssuerUnreachableError)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("access_denied", 403), LoginRefusedError),
        (refusal("expired_token"), DeviceCodeExpiredError),
        (refusal("invalid_client", 401), ClientRejectedError),
        (HttpResponse(status=200, body=b"<html>"), IssuerMalformedError),
        (token_answer(token_type="mac"), IssuerMalformedError),
        (token_answer("to\x1bken"), IssuerMalformedError),
    ],
)
async def test_every_other_answer_ends_it_and_the_old_grant_stands(
    answer: HttpResponse, error: type[BrokerError]
) -> None:
    world = await a_world(a_grant())
    login = await begun(world)
    assert isinstance(await ended(world, login, PENDING, answer), error)
    assert polls(world) == 2
    assert world.store.grants == {WORK: a_grant()}


async def test_an_invalid_grant_ends_the_login() -> None:
    world = await a_world()
    error = await ended(world, await begun(world), refusal("invalid_grant"))
    assert error is not None
    assert error.code == "login_failed"


async def test_a_cancelled_login_asks_no_more() -> None:
    world = await a_world()
    world.sender.answer_always(PENDING)
    login = await begun(world)
    await world.clock.advance(Seconds(5))
    world.logins.cancel(login)
    await run_until_idle()
    assert world.clock.sleeping == 0
    assert await moments(world, 60) == []


async def test_tokens_that_come_after_the_person_gave_up_are_not_kept() -> None:
    world = await a_world()
    login = await begun(world)
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="r"))
    await world.clock.advance(Seconds(5))
    world.logins.cancel(login)
    gate.set()
    await run_until_idle()
    assert login.state is LoginState.FAILED
    assert world.store.grants == {}


async def test_nothing_can_be_pasted_into_it() -> None:
    world = await a_world()
    login = await begun(world)
    with pytest.raises(PasteRefusedError):
        login.respond(Secret("WDJB-MJHT"))
    assert not login.has_ended


# --- the store --------------------------------------------------------------------


async def test_the_first_store_is_made_when_the_tokens_have_come() -> None:
    world = World(source=None)
    login = await begun(world)
    world.sender.script(PENDING, PENDING)
    await world.clock.advance(Seconds(10))
    assert world.vault.opened is None
    assert await ended(world, login, token_answer(refresh_token="r-1")) is None
    assert world.vault.state is VaultState.OPEN
    assert login.notes[0].startswith("made a store")


async def test_a_store_that_is_locked_meanwhile_ends_it_before_tokens_are_lost() -> (
    None
):
    world = await a_world(a_grant())
    login = await begun(world)
    await world.vault.lock()
    assert isinstance(await ended(world, login), LockedError)
    assert polls(world) == 0


async def test_a_lock_waits_for_tokens_that_are_on_their_way() -> None:
    world = await a_world(a_grant())
    login = await begun(world)
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="of-login"))
    await world.clock.advance(Seconds(5))
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    assert not locking.done()
    gate.set()
    await locking
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].refresh_token == Secret("of-login")


async def test_a_lock_does_not_wait_for_the_person() -> None:
    world = await a_world(a_grant())
    world.sender.answer_always(PENDING)
    await begun(world)
    await world.clock.advance(Seconds(7))
    await world.vault.lock()
    assert world.vault.opened is None


# --- bound tokens


async def test_a_bound_token_is_asked_for_with_its_key_and_a_bearer_refused() -> None:
    world = await a_world()
    metadata = {**HERE, "dpop_signing_alg_values_supported": ["ES256"]}
    world.sender.script(json_response(metadata), json_response(CODE))
    login = (await world.logins.start(a_request(dpop=True), BY_DEVICE)).login
    error = await ended(world, login, token_answer(refresh_token="r"))
    assert isinstance(error, IssuerMalformedError)
    assert "DPoP" in world.sender.requests[-1].headers


# --- who signed in ----------------------------------------------------------------


async def test_an_id_token_of_a_device_has_no_nonce_and_all_else_is_checked() -> None:
    world = await a_world()
    login = await begun(world, scopes="openid drive")
    assert login.own.nonce is None
    answer = token_answer(refresh_token="r", id_token=id_token(login))
    assert await ended(world, login, answer) is None
    assert world.store.grants[WORK].subject == "person-1"


@pytest.mark.parametrize(
    "members",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"exp": 1_700_000_000},
        {"sub": None},
    ],
)
async def test_an_id_token_that_is_not_for_us_ends_it(
    members: dict[str, object],
) -> None:
    world = await a_world()
    login = await begun(world, scopes="openid")
    answer = token_answer(refresh_token="r", id_token=id_token(login, **members))
    assert isinstance(await ended(world, login, answer), IssuerMalformedError)
    assert world.store.grants == {}


async def test_openid_without_an_id_token_ends_it() -> None:
    world = await a_world()
    login = await begun(world, scopes="openid")
    error = await ended(world, login, token_answer(refresh_token="r"))
    assert error is not None
    assert error.code == "login_failed"


async def test_no_code_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world = await a_world()
    login = await begun(world)
    await ended(world, login, token_answer("at-1", refresh_token="rt-1"))
    for secret in ("device-1", "WDJB-MJHT", "at-1", "rt-1"):
        assert secret not in caplog.text
