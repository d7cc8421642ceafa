"""How logins end badly: refused, timed out, cancelled, superseded, stopped."""

import asyncio

import pytest

from broker.model.account import RedirectChoice
from broker.model.errors import (
    LoginFailedError,
    LoginRefusedError,
    LoginTimedOutError,
    StoppingError,
)
from broker.model.http import HttpResponse
from broker.model.issuer import IssuerPreset
from broker.model.redirect import Outcome, RedirectSite, Verdict
from broker.model.time import Seconds
from broker.services.login import LoginState
from broker.services.logins import LOGINS_AT_ONCE
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.listener import FakeListener, FakeOpenListener
from tests.services.person import a_request, begun, completed, repeated, respond
from tests.services.world import (
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    token_answer,
)

OTHER_STATE = "code=code-1&state=forged"


async def test_a_thousand_strays_do_not_end_a_login() -> None:
    world = await a_world()
    login = await begun(world)
    for _ in range(1000):
        assert world.listener.last.deliver(OTHER_STATE) is Verdict.STRAY
    assert len(world.sender.requests) == 1
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert login.state is LoginState.COMPLETE


async def test_a_refusal_in_the_browser_changes_nothing() -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    respond(world, login, "error=access_denied&error_description=No.")
    await login.ended.wait()
    assert isinstance(login.error, LoginRefusedError)
    assert await world.listener.last.shown() is Outcome.REFUSED
    await run_until_idle()
    assert world.listener.last.closed
    assert world.sender.requests == []
    assert world.store.grants[WORK] == a_grant()


async def test_a_login_that_nobody_answers_times_out_and_changes_nothing() -> None:
    preset = IssuerPreset(
        name="p", issuer=ISSUER.url, pinned=ISSUER, browser_errors=("org_internal",)
    )
    world = World(presets={"p": preset})
    await world.vault.open_at_start()
    options = LoginOptions(timeout=Seconds(60))
    login = (await world.logins.start(a_request(issuer="p"), options)).login
    await world.clock.advance(Seconds(59))
    assert login.state is LoginState.AWAITING
    await world.clock.advance(Seconds(1))
    assert isinstance(login.error, LoginTimedOutError)
    assert login.error.seconds == 60
    assert login.error.browser_errors == ("org_internal",)
    assert world.listener.last.closed
    assert world.store.grants == {}
    assert world.clock.sleeping == 0


async def test_a_machine_that_slept_through_the_time_out_wakes_to_its_end() -> None:
    world = await a_world()
    login = await begun(world)
    await world.clock.suspend(Seconds(3600))
    assert isinstance(login.error, LoginTimedOutError)


async def test_a_response_at_the_last_moment_is_redeemed() -> None:
    world = await a_world()
    login = await begun(world)
    await world.clock.advance(Seconds(299.9))
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert login.state is LoginState.COMPLETE


async def test_a_response_after_the_time_out_spends_no_code() -> None:
    world = await a_world()
    login = await begun(world)
    site = world.listener.last.site
    await world.clock.advance(Seconds(300))
    state = login.own.state.reveal()
    assert site.on_response(f"code=code-1&state={state}") is Verdict.TAKEN
    assert await site.outcome() is Outcome.FAILED
    assert len(world.sender.requests) == 1


async def test_a_cancelled_login_stops_to_listen_and_changes_nothing() -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    world.logins.cancel(login)
    await run_until_idle()
    assert isinstance(login.error, LoginFailedError)
    assert world.listener.last.closed
    assert world.clock.sleeping == 0
    assert world.store.grants[WORK] == a_grant()


@pytest.mark.parametrize("how", ["cancel", "second login", "error after code"])
async def test_what_a_login_says_of_its_end_is_what_lies_in_the_store(how: str) -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="of-login"))
    respond(world, login)
    await run_until_idle()
    if how == "cancel":
        world.logins.cancel(login)
    elif how == "second login":
        await repeated(world)
    else:
        respond(world, login, "error=access_denied")
    gate.set()
    await login.ended.wait()
    await run_until_idle()
    is_saved = world.store.grants[WORK] != a_grant()
    assert (login.state is LoginState.COMPLETE) == is_saved


async def test_a_newer_login_of_the_same_account_takes_the_place_of_the_older() -> None:
    world = await a_world()
    older = await begun(world)
    newer = await begun(world)
    await run_until_idle()
    assert isinstance(older.error, LoginFailedError)
    assert "newer" in older.error.reason
    assert world.listener.opened[0].closed
    assert newer.state is LoginState.AWAITING
    assert world.logins.under_way == 1


async def test_a_newer_login_gets_the_port_that_the_older_one_held() -> None:
    # Where the redirect URI is registered, there is no other port to have.
    world = await a_world()
    request = a_request(redirect=RedirectChoice(uri="http://127.0.0.1:8080/"))
    await begun(world, request)
    newer = await begun(world, request)
    assert newer.redirect_uri == "http://127.0.0.1:8080/"


class SlowListener(FakeListener):
    """Its `open` takes a while, as that of sockets does."""

    async def open(self, site: RedirectSite) -> FakeOpenListener:
        opened = await super().open(site)
        await run_until_idle()
        return opened


async def test_two_logins_of_one_account_begun_at_once_leave_one_under_way() -> None:
    world = World(listener=SlowListener())
    await world.vault.open_at_start()
    await asyncio.gather(begun(world), begun(world))
    await run_until_idle()
    assert world.logins.under_way == 1


async def test_a_stopping_daemon_ends_who_waits_and_lets_who_redeems_finish() -> None:
    world = await a_world()
    waiting = await begun(world)
    redeeming = await begun(world, a_request(account="home"))
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="r-1"))
    respond(world, redeeming)
    await run_until_idle()
    closing = asyncio.create_task(world.logins.close())
    await run_until_idle()
    assert waiting.has_ended
    assert not closing.done()
    gate.set()
    await closing
    assert redeeming.state is LoginState.COMPLETE
    assert all(listener.closed for listener in world.listener.opened)


async def test_a_stopping_daemon_begins_no_login() -> None:
    world = await a_world()
    await world.logins.close()
    with pytest.raises(StoppingError):
        await begun(world)
    assert world.listener.opened == []


async def test_logins_are_under_way_in_a_bounded_number() -> None:
    world = await a_world()
    for number in range(LOGINS_AT_ONCE):
        await begun(world, a_request(account=f"a{number}"))
    with pytest.raises(LoginFailedError, match="under way already"):
        await begun(world, a_request(account="one-more"))
    assert world.logins.under_way == LOGINS_AT_ONCE


def _our_bug(_: object) -> HttpResponse:
    raise RuntimeError("our bug")


async def test_a_bug_ends_the_login_for_those_who_wait_and_shows_no_detail() -> None:
    world = await a_world()
    login = await begun(world)
    world.sender.script(_our_bug)
    respond(world, login)
    await login.ended.wait()
    assert isinstance(login.error, LoginFailedError)
    assert "our bug" not in login.error.reason
    with pytest.raises(RuntimeError):
        await asyncio.gather(*world.logins._tasks.values())


async def test_a_bug_in_one_login_does_not_keep_the_daemon_from_closing() -> None:
    world = await a_world()
    login = await begun(world)
    gate = world.sender.hold()
    world.sender.script(_our_bug)
    respond(world, login)
    await run_until_idle()
    closing = asyncio.create_task(world.logins.close())
    await run_until_idle()
    gate.set()
    await closing
