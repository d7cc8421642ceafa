"""Where the issuer is told to send the browser, and what is taken from there."""

from dataclasses import replace

import pytest

from broker.model.account import RedirectChoice
from broker.model.errors import BadRequestError, PasteRefusedError, PortInUseError
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.way import Way
from broker.services.login import Login, LoginState
from broker.services.way_in import LoginOptions
from tests.services.person import a_request, asked, begun
from tests.services.world import World, a_world, token_answer

ELSEWHERE = "https://tool.example/callback"


async def begun_by(world: World, way: Way, uri: str | None = None) -> Login:
    redirect = None if uri is None else RedirectChoice(uri=uri)
    return await begun(
        world, a_request(redirect=redirect), options=LoginOptions(way=way)
    )


@pytest.mark.parametrize(
    ("way", "uri"),
    [
        (Way.OOB, "urn:ietf:wg:oauth:2.0:oob"),
        (Way.OOB_AUTO, "urn:ietf:wg:oauth:2.0:oob:auto"),
    ],
)
async def test_out_of_band_nobody_listens_and_the_code_alone_is_enough(
    way: Way, uri: str
) -> None:
    world = await a_world()
    login = await begun_by(world, way)
    assert world.listener.opened == []
    assert asked(login)["redirect_uri"] == login.redirect_uri == uri
    world.sender.script(token_answer(refresh_token="r-1"))
    login.respond(Secret("code-1\n"))
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


async def test_nobody_listens_for_an_address_elsewhere_unless_it_is_pasted() -> None:
    world = await a_world()
    with pytest.raises(BadRequestError):
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


async def test_rfc9700_section_4_5_3_a_code_without_its_state_needs_pkce() -> None:
    world = await a_world()
    login = await begun_by(world, Way.PASTE)
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
