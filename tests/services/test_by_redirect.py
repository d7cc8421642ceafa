"""Where the issuer is told to send the browser, and what is taken from there."""

import asyncio

import pytest
from msgspec.structs import replace

from broker.model.account import AccountName, RedirectChoice
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    ClientRejectedError,
    IssuerMalformedError,
    IssuerUnreachableError,
    LoginFailedError,
    PasteRefusedError,
    PortInUseError,
    ResourceNotGrantedError,
)
from broker.model.http import HttpRequest, HttpResponse
from broker.model.redirect import ResponseMode
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.way import Way
from broker.services.login import Login, LoginState
from broker.services.served import TokenWanted
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.services.person import a_request, asked, begun, completed
from tests.services.world import (
    ISSUER,
    METADATA,
    PERSON,
    WORK,
    World,
    a_world,
    token_answer,
)

ELSEWHERE = "https://tool.example/callback"


async def begun_by(world: World, way: Way, uri: str | None = None) -> Login:
    redirect = None if uri is None else RedirectChoice(uri=uri)
    return await begun(
        world, a_request(redirect=redirect), options=LoginOptions(way=way)
    )


@pytest.mark.parametrize(
    ("way", "uri", "answer"),
    [
        (Way.OOB, "urn:ietf:wg:oauth:2.0:oob", "code-1\n"),
        (Way.OOB, "urn:ietf:wg:oauth:2.0:oob", "{uri}?code=code-1&state={state}"),
        (
            Way.OOB_AUTO,
            "urn:ietf:wg:oauth:2.0:oob:auto",
            "{uri}?state={state}&code=code-1",
        ),
    ],
)
async def test_out_of_band_nobody_listens_and_what_the_page_shows_is_enough(
    way: Way, uri: str, answer: str
) -> None:
    world = await a_world()
    login = await begun_by(world, way)
    assert world.listener.opened == []
    assert asked(login)["redirect_uri"] == login.redirect_uri == uri
    world.sender.script(token_answer(refresh_token="r-1"))
    state = login.own.state.reveal()
    login.respond(Secret(answer.format(uri=uri, state=state)))
    await login.ended.wait()
    assert login.state is LoginState.COMPLETE
    assert world.sender.form()["redirect_uri"] == uri
    assert world.sender.form()["code"] == "code-1"


async def test_what_is_pasted_from_an_address_elsewhere_is_spent() -> None:
    world = await a_world()
    login = await begun_by(world, Way.PASTE, ELSEWHERE)
    assert world.listener.opened == []
    world.sender.script(token_answer(refresh_token="r-1"))
    login.respond(Secret(f"{ELSEWHERE}?code=c&state={login.own.state.reveal()}"))
    await login.ended.wait()
    assert login.state is LoginState.COMPLETE
    assert world.sender.form()["redirect_uri"] == ELSEWHERE


async def test_pasting_listens_too_where_the_address_is_of_this_machine() -> None:
    world = await a_world()
    login = await begun_by(world, Way.PASTE)
    assert login.redirect_uri == world.listener.last.redirect_uri


@pytest.mark.parametrize("way", [Way.PASTE, Way.OOB, Way.OOB_AUTO])
async def test_what_is_to_be_copied_is_not_sent_as_a_form(way: Way) -> None:
    world = await a_world()
    redirect = RedirectChoice(mode=ResponseMode.FORM_POST)
    login = await begun(
        world, a_request(redirect=redirect), options=LoginOptions(way=way)
    )
    assert "response_mode" not in asked(login)
    listening = [one.site.mode for one in world.listener.opened]
    assert listening in ([], [ResponseMode.QUERY])
    assert login.sign_in.account.redirect.mode is ResponseMode.FORM_POST


async def test_nobody_listens_for_an_address_elsewhere_unless_it_is_pasted() -> None:
    world = await a_world()
    with pytest.raises(BadRequestError, match="--paste"):
        await begun_by(world, Way.LOOPBACK, ELSEWHERE)


async def test_a_port_that_is_taken_is_told() -> None:
    world = await a_world()
    world.listener.taken.add(8080)
    redirect = RedirectChoice(port=8080)
    with pytest.raises(PortInUseError):
        await begun(world, a_request(redirect=redirect))


async def test_an_address_with_a_foreign_state_is_refused_and_the_login_goes_on() -> (
    None
):
    world = await a_world()
    login = await begun_by(world, Way.PASTE)
    with pytest.raises(PasteRefusedError, match="another login"):
        login.respond(Secret(f"{login.redirect_uri}?code=c&state=foreign"))
    assert login.state is LoginState.AWAITING


@pytest.mark.parametrize(
    "answer", ["state=foreign&code=c", "error=access_denied", "code=c"]
)
async def test_a_title_that_any_page_could_write_does_not_end_the_login(
    answer: str,
) -> None:
    world = await a_world()
    login = await begun_by(world, Way.OOB_AUTO)
    with pytest.raises(PasteRefusedError, match="another login"):
        login.respond(Secret(f"{login.redirect_uri}?{answer}"))
    assert login.state is LoginState.AWAITING


@pytest.mark.parametrize("way", [Way.PASTE, Way.OOB_AUTO])
async def test_rfc9700_section_4_5_3_a_code_without_its_state_needs_pkce(
    way: Way,
) -> None:
    world = await a_world()
    login = await begun_by(world, way)
    account = login.sign_in.account
    issuer = replace(account.issuer, code_challenge_methods=None)
    login.sign_in = replace(login.sign_in, account=replace(account, issuer=issuer))
    with pytest.raises(PasteRefusedError, match="code alone"):
        login.respond(Secret("code-1"))
    issuer = replace(account.issuer, code_challenge_methods=("S256",))
    login.sign_in = replace(login.sign_in, account=replace(account, issuer=issuer))
    world.sender.script(token_answer(refresh_token="r-1"))
    login.respond(Secret("code-1"))
    await login.ended.wait()
    assert login.state is LoginState.COMPLETE


async def test_what_is_pasted_after_the_answer_changes_nothing() -> None:
    world = await a_world()
    login = await begun_by(world, Way.OOB)
    world.sender.script(token_answer(refresh_token="r-1"))
    login.respond(Secret("code-1"))
    login.respond(Secret("code-2"))
    await login.ended.wait()
    assert world.sender.form()["code"] == "code-1"
    assert len(world.sender.requests) == 2


async def test_out_of_band_a_login_ends_where_nobody_pastes() -> None:
    world = await a_world()
    login = await begun_by(world, Way.OOB)
    await world.clock.advance(Seconds(300))
    assert login.error is not None
    assert login.error.code == "login_timed_out"


PAR = {**METADATA, "pushed_authorization_request_endpoint": f"{ISSUER.url}/par"}
REFERENCE = json_response({"request_uri": "urn:r:1", "expires_in": 60}, status=201)


async def test_rfc9126_where_it_is_offered_the_request_is_pushed() -> None:
    world = await a_world()
    world.sender.script(json_response(PAR), REFERENCE)
    started = await world.logins.start(a_request(), LoginOptions())
    login = started.login
    assert asked(login) == {"client_id": "client-1", "request_uri": "urn:r:1"}
    pushed = world.sender.form()
    assert world.sender.requests[-1].url == f"{ISSUER.url}/par"
    assert pushed["redirect_uri"] == login.redirect_uri
    assert pushed["state"] == login.own.state.reveal()
    assert pushed["code_challenge_method"] == "S256"
    assert login.notes == ("the page has to be opened within 60 seconds",)
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert login.state is LoginState.COMPLETE


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (json_response({"error": "invalid_request"}, status=400), LoginFailedError),
        (json_response({"error": "invalid_client"}, status=401), ClientRejectedError),
        (HttpResponse(status=500), IssuerUnreachableError),
        (HttpResponse(status=404, body=b"<html>"), IssuerMalformedError),
    ],
)
async def test_a_request_that_is_not_taken_is_never_sent_openly(
    answer: HttpResponse, kind: type[BrokerError]
) -> None:
    world = await a_world()
    world.sender.script(json_response(PAR), answer)
    with pytest.raises(kind):
        await world.logins.start(a_request(), LoginOptions())
    assert world.listener.last.closed
    assert world.logins.all() == []


async def test_a_slow_issuer_delays_no_login_of_another_account() -> None:
    async def hangs(_: HttpRequest) -> HttpResponse:
        return await asyncio.Future()

    world = await a_world()
    world.sender.script(json_response(PAR), hangs, json_response(METADATA))
    slow = asyncio.create_task(world.logins.start(a_request(), LoginOptions()))
    await run_until_idle()
    other = a_request(account=AccountName("home"))
    quick = await world.logins.start(other, LoginOptions())
    assert quick.login.authorization_url
    assert not slow.done()
    slow.cancel()
    await asyncio.wait([slow])


async def test_rfc8707_the_resource_that_a_person_named_is_the_only_one() -> None:
    api = "https://api.example/"
    world = await a_world()
    login = await begun(world, a_request(resource=api))
    assert asked(login)["resource"] == api
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert world.sender.form()["resource"] == api
    elsewhere = TokenWanted(account=WORK, resource="https://other.example/")
    with pytest.raises(ResourceNotGrantedError):
        await world.access.token(PERSON, elsewhere)
    world.sender.script(token_answer("access-2"))
    await world.clock.advance(Seconds(4000))
    await world.access.token(PERSON, TokenWanted(account=WORK))
    assert world.sender.form()["resource"] == api
