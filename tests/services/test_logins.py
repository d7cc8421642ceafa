"""Logins under way: from the request to the saved grant."""

import asyncio
from urllib.parse import urlsplit

import pytest

from broker.model.account import RedirectChoice
from broker.model.client import Client
from broker.model.errors import UnknownLoginError
from broker.model.issuer import IssuerPreset, RedirectPath
from broker.model.redirect import Outcome
from broker.model.secret import Secret
from broker.model.store import VaultState
from broker.model.time import Seconds
from broker.model.way import Way
from broker.services.login import LoginState
from broker.services.logins import KEPT_LOGINS
from broker.services.sign_in import SignInRequest
from broker.services.token_cache import TokenKey
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.services.person import (
    a_request,
    asked,
    begun,
    completed,
    repeated,
    respond,
)
from tests.services.world import (
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    token_answer,
)

NONE = Seconds(0)


async def test_a_login_sends_the_browser_with_pkce_state_and_redirect_uri() -> None:
    world = await a_world()
    login = await begun(world)
    assert login.state is LoginState.AWAITING
    assert login.authorization_url.startswith("https://issuer.example/authorize?")
    parameters = asked(login)
    assert parameters["response_type"] == "code"
    assert parameters["client_id"] == "client-1"
    assert parameters["scope"] == "drive mail"
    assert parameters["redirect_uri"] == world.listener.last.redirect_uri
    assert parameters["redirect_uri"] == login.redirect_uri
    assert parameters["code_challenge_method"] == "S256"
    assert len(parameters["code_challenge"]) == 43
    assert len(parameters["state"]) == 43  # 256 bits
    assert "nonce" not in parameters
    assert login.expires_at == world.clock.now().wall + 300


async def test_the_code_is_spent_once_with_verifier_and_redirect_uri() -> None:
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert login.state is LoginState.COMPLETE
    form = world.sender.form()
    assert form["grant_type"] == "authorization_code"
    assert form["code"] == "code-1"
    assert form["redirect_uri"] == login.redirect_uri
    assert form["code_verifier"] == login.own.verifier.reveal()
    saved = world.store.grants[WORK]
    assert saved.refresh_token == Secret("r-1")
    assert saved.version == 1
    assert (login.granted, login.is_refreshable) == (saved.scopes, True)
    assert await world.listener.last.shown() is Outcome.SIGNED_IN


async def test_a_login_that_has_ended_holds_nothing_that_a_lock_must_drop() -> None:
    world = await a_world()
    client = Client(client_id="client-1", client_secret=Secret("s3cret"))
    login = await begun(world, a_request(client=client))
    held = secrets_in(login)
    assert "s3cret" in held
    await completed(world, login, token_answer("a-1", refresh_token="r-1"))
    own = {login.own.state.reveal(), login.own.verifier.reveal()}  # spent
    assert secrets_in(login) == own


def secrets_in(value: object) -> set[str]:
    """Every secret in it, and in what it holds."""
    if isinstance(value, Secret):
        return {value.reveal()}
    if isinstance(value, asyncio.Event | type):
        return set()
    slots = getattr(type(value), "__slots__", ())
    inside = [getattr(value, name) for name in slots if hasattr(value, name)]
    inside += getattr(value, "__dict__", {}).values()
    return {text for one in inside for text in secrets_in(one)}


async def test_the_token_of_a_login_is_served_without_asking_the_issuer() -> None:
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer("of-login", refresh_token="r-1"))
    key = TokenKey(account=WORK, scopes=None, resource=None)
    token = await world.tokens.token(key, NONE)
    assert token.value.reveal() == "of-login"
    assert len(world.sender.requests) == 2


async def test_the_listener_is_gone_once_the_browser_has_seen_the_end() -> None:
    world = await a_world()
    login = await begun(world)
    assert not world.listener.last.closed
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert world.listener.last.is_shown
    assert world.listener.last.closed


async def test_every_login_has_an_id_a_state_and_a_verifier_of_its_own() -> None:
    world = await a_world()
    logins = [await begun(world) for _ in range(3)]
    for part in (
        [login.login_id for login in logins],
        [login.own.state.reveal() for login in logins],
        [login.own.verifier.reveal() for login in logins],
        [asked(login)["code_challenge"] for login in logins],
    ):
        assert len(set(part)) == 3


async def test_the_first_login_makes_the_store_and_says_so_in_one_line() -> None:
    world = World(source=None)
    login = await begun(world)
    assert world.vault.opened is None  # nothing yet: it may still fail
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert world.vault.state is VaultState.OPEN
    assert WORK in world.store.grants
    assert len(login.notes) == 1
    assert "plain" in login.notes[0]
    again = await repeated(world)
    await completed(world, again, token_answer(refresh_token="r-2"))
    assert again.notes == ()


async def test_a_login_is_found_by_its_id_also_when_it_has_ended() -> None:
    world = await a_world()
    login = await begun(world)
    assert world.logins.find(login.login_id) is login
    assert world.logins.under_way == 1
    world.logins.cancel(login)
    await run_until_idle()
    assert world.logins.find(login.login_id) is login
    assert world.logins.under_way == 0
    with pytest.raises(UnknownLoginError):
        world.logins.find("another")


async def test_ended_logins_are_kept_in_a_bounded_number_the_oldest_go_first() -> None:
    world = await a_world()
    first = await begun(world)
    later = first
    for _ in range(KEPT_LOGINS + 2):
        later = await begun(world)  # each takes the place of the one before
        await run_until_idle()
    with pytest.raises(UnknownLoginError):
        world.logins.find(first.login_id)
    assert world.logins.find(later.login_id) is later
    assert len(world.logins._logins) <= KEPT_LOGINS + 1


async def test_a_long_poll_returns_at_the_end_or_after_its_seconds() -> None:
    world = await a_world()
    login = await begun(world)
    poll = asyncio.create_task(world.logins.wait(login, Seconds(30)))
    await world.clock.advance(Seconds(29))
    assert not poll.done()
    await world.clock.advance(Seconds(1))
    await poll
    poll = asyncio.create_task(world.logins.wait(login, Seconds(30)))
    await run_until_idle()
    world.logins.cancel(login)
    await poll
    await world.logins.wait(login, Seconds(30))  # at once


async def test_a_long_poll_that_hangs_up_leaves_the_login_and_no_timer() -> None:
    world = await a_world()
    login = await begun(world)
    poll = asyncio.create_task(world.logins.wait(login, Seconds(30)))
    await run_until_idle()
    sleeping = world.clock.sleeping
    poll.cancel()
    await run_until_idle()
    assert world.clock.sleeping == sleeping - 1
    assert login.state is LoginState.AWAITING


# --- where the response is awaited -------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "redirect_uri"),
    [
        (RedirectChoice(port=8080), "http://127.0.0.1:8080/"),
        (RedirectChoice(host="localhost", port=1), "http://localhost:1/"),
        (RedirectChoice(host="::1", port=8080), "http://[::1]:8080/"),
        (RedirectChoice(uri="http://127.0.0.1:9/cb"), "http://127.0.0.1:9/cb"),
        (RedirectChoice(uri="http://localhost:9"), "http://localhost:9"),
        (RedirectChoice(uri="http://[::1]:9/a/b"), "http://[::1]:9/a/b"),
    ],
)
async def test_the_redirect_uri_is_where_the_person_wants_it(
    choice: RedirectChoice, redirect_uri: str
) -> None:
    world = await a_world()
    login = await begun(world, a_request(redirect=choice))
    assert login.redirect_uri == redirect_uri
    assert asked(login)["redirect_uri"] == redirect_uri
    parts = urlsplit(redirect_uri)
    site = world.listener.last.site
    assert (site.host, site.port) == (parts.hostname, parts.port)
    assert site.path == (parts.path or "/")


async def test_the_path_is_random_only_where_the_issuer_is_known_to_take_one() -> None:
    def preset(path: RedirectPath) -> IssuerPreset:
        return IssuerPreset(
            name="p", issuer=ISSUER.url, pinned=ISSUER, redirect_path=path
        )

    paths = []
    for kind in (RedirectPath.RANDOM, RedirectPath.RANDOM, RedirectPath.ROOT):
        world = World(presets={"p": preset(kind)})
        await world.vault.open_at_start()
        options = LoginOptions(again=True)
        login = (await world.logins.start(a_request(issuer="p"), options)).login
        await world.logins.start(a_request(issuer="p"), options)
        paths += [urlsplit(login.redirect_uri).path]
        paths += [world.listener.last.site.path]
    assert paths[-2:] == ["/", "/"]
    assert len({*paths[:2]}) == 2  # another one at every login
    assert all(len(path) == 23 for path in paths[:4])  # 128 bits


async def test_an_issuer_that_insists_on_a_host_gets_it() -> None:
    preset = IssuerPreset(
        name="p", issuer=ISSUER.url, pinned=ISSUER, redirect_host="localhost"
    )
    world = World(presets={"p": preset})
    await world.vault.open_at_start()
    await world.logins.start(a_request(issuer="p"), LoginOptions())
    assert world.listener.last.site.host == "localhost"
    choice = RedirectChoice(host="127.0.0.1")
    await world.logins.start(a_request(issuer="p", redirect=choice), LoginOptions())
    assert world.listener.last.site.host == "127.0.0.1"


async def test_the_persons_own_sentence_reaches_the_page() -> None:
    world = await a_world(a_grant())
    options = LoginOptions(success_message="Back to work")
    await world.logins.start(SignInRequest(account=WORK), options)
    assert world.listener.last.site.success_message == "Back to work"


async def test_a_person_who_is_signing_in_is_not_locked_out_for_idling() -> None:
    world = World()
    world.vault = world.a_vault(lock_after_idle=Seconds(60))
    world.logins = world.a_login_service()
    await world.vault.open_at_start()
    login = await begun(world)
    await world.clock.advance(Seconds(290))
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert login.state is LoginState.COMPLETE
    await world.clock.advance(Seconds(61))
    assert world.vault.state is VaultState.LOCKED
    await world.logins.close()


async def test_however_many_ask_there_is_one_login_and_one_page() -> None:
    world = await a_world(a_grant())
    request, options = SignInRequest(account=WORK), LoginOptions()
    started = [await world.logins.start(request, options) for _ in range(5)]
    assert [one.joined for one in started] == [False, True, True, True, True]
    assert len({one.login.authorization_url for one in started}) == 1
    assert len(world.listener.opened) == 1
    assert world.logins.all() == [started[0].login]


async def test_whoever_asks_for_something_else_or_anew_ends_the_older_login() -> None:
    world = await a_world(a_grant())
    first = await world.logins.start(SignInRequest(account=WORK), LoginOptions())
    wider = SignInRequest(account=WORK, scopes=("drive", "mail", "calendar"))
    second = await world.logins.start(wider, LoginOptions())
    assert (second.joined, first.login.state) == (False, LoginState.FAILED)
    third = await world.logins.start(wider, LoginOptions(again=True))
    assert (third.joined, second.login.state) == (False, LoginState.FAILED)
    fourth = await world.logins.start(wider, LoginOptions(way=Way.PASTE))
    assert (fourth.joined, third.login.state) == (False, LoginState.FAILED)
    anybody = LoginOptions(way=Way.PASTE, other_person=True)
    fifth = await world.logins.start(wider, anybody)
    assert (fifth.joined, fourth.login.state) == (False, LoginState.FAILED)
    assert (await world.logins.start(wider, anybody)).joined


async def test_a_login_that_has_its_code_is_not_joined() -> None:
    world = await a_world(a_grant())
    request = SignInRequest(account=WORK)
    first = await world.logins.start(request, LoginOptions())
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="r-2"))
    respond(world, first.login)
    second = await world.logins.start(request, LoginOptions())
    assert second.joined is False
    gate.set()
    await first.login.ended.wait()
    assert first.login.state is LoginState.COMPLETE
