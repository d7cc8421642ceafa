"""Every shipped preset, from its login to its log-out, at an issuer with its quirks."""

from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import urlsplit

import pytest

from broker.model.account import RedirectChoice
from broker.model.client import Client
from broker.model.errors import IssuerInvalidError, WayRefusedError
from broker.model.issuer import IssuerPreset, Quirks
from broker.model.log_out import LogOutOptions
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.way import Way
from broker.oauth.presets import parse_presets
from broker.services.login import Login, LoginState
from broker.services.sign_in import SignInRequest
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import FakeSender
from tests.fakes.store import MemoryStore
from tests.services.documented import CLIENT_ID, DOCUMENTED, SECRET, Documented
from tests.services.person import asked, respond
from tests.services.world import WORK, World

SHIPPED = files("broker").joinpath("issuers.toml").read_text(encoding="utf-8")
PRESETS = parse_presets(SHIPPED)
NONE = Seconds(0)

each = pytest.mark.parametrize("name", sorted(PRESETS))


async def a_world_of(
    issuer: Documented, presets: Mapping[str, IssuerPreset] = PRESETS
) -> World:
    sender = FakeSender(otherwise=issuer)
    world = World(store=MemoryStore(), presets=presets, sender=sender)
    await world.vault.open_at_start()
    return world


async def begun_at(
    world: World, name: str, issuer: Documented, **named: object
) -> Login:
    """A login of a person who typed the issuer's URL, or its name."""
    way = Way.PASTE if name == "yahoo" else Way.LOOPBACK
    if way is Way.PASTE:
        named["redirect"] = RedirectChoice(uri=issuer.redirect_uri)
    words: dict[str, object] = {
        "account": WORK,
        "issuer": issuer.url or name,
        "client": Client(client_id=CLIENT_ID, client_secret=Secret(SECRET)),
        "scopes": issuer.scopes,
        "login_hint": "octocat",
        **named,
    }
    request = SignInRequest(**words)  # type: ignore[arg-type]
    return (await world.logins.start(request, LoginOptions(way=way))).login


async def signed_in(world: World, name: str, issuer: Documented) -> Login:
    login = await begun_at(world, name, issuer)
    if login.way is Way.PASTE:
        state = login.own.state.reveal()
        login.respond(Secret(f"{login.redirect_uri}?code=code-1&state={state}"))
    else:
        respond(world, login, _answer(login))
    await login.ended.wait()
    await run_until_idle()
    assert login.state is LoginState.COMPLETE, login.error
    return login


def _answer(login: Login) -> str:
    issuer = login.sign_in.account.issuer
    return f"code=code-1&iss={issuer.url}" if issuer.response_iss else "code=code-1"


def preset_of(login: Login) -> IssuerPreset:
    assert login.sign_in.preset is not None
    return login.sign_in.preset


def test_every_shipped_issuer_is_walked() -> None:
    assert DOCUMENTED.keys() == PRESETS.keys()


@each
async def test_the_authorization_request_is_as_that_issuer_wants_it(name: str) -> None:
    issuer = DOCUMENTED[name]()
    world = await a_world_of(issuer)
    login = await begun_at(world, name, issuer)
    parameters = asked(login)
    quirks = PRESETS[name].quirks
    wanted = {
        **PRESETS[name].parameters,
        quirks.login_hint_parameter: "octocat",
        **issuer.asked,
    }
    assert preset_of(login).name == name
    assert {key: parameters.get(key) for key in wanted} == wanted
    if quirks.scope_parameter != "scope":
        assert "scope" not in parameters
    if quirks.login_hint_parameter != "login_hint":
        assert "login_hint" not in parameters
    assert (quirks.scope_parameter in parameters) == bool(issuer.scopes)
    assert parameters["code_challenge_method"] == "S256"


@each
async def test_the_redirect_uri_is_one_that_can_be_registered_there(name: str) -> None:
    issuer = DOCUMENTED[name]()
    world = await a_world_of(issuer)
    login = await begun_at(world, name, issuer)
    registered, used = urlsplit(issuer.redirect_uri), urlsplit(login.redirect_uri)
    assert used.scheme == registered.scheme
    assert used.hostname == registered.hostname
    assert used.path == registered.path
    if registered.port is not None:
        assert used.port == registered.port


@each
async def test_a_token_is_had_renewed_and_given_up_there(name: str) -> None:
    issuer = DOCUMENTED[name]()
    world = await a_world_of(issuer)
    await signed_in(world, name, issuer)
    grant = world.store.grants[WORK]
    key = world.tokens.key(WORK, None, None)
    first = await world.tokens.token(key, NONE)
    assert first.value == Secret("access-1")
    assert first.token_type == "Bearer"
    assert grant.scopes == frozenset(issuer.scopes)
    if grant.refresh_token is not None:
        await world.clock.advance(Seconds(100_000))
        renewed = await world.tokens.token(key, NONE)
        assert renewed.value.reveal() == f"access-{issuer.given}"
        assert issuer.given > 1
    done = await world.accounts.log_out(WORK, LogOutOptions())
    assert done.revoked == bool(issuer.revoked) == (issuer.revocation is not None)
    assert bool(done.left) != done.revoked


async def test_what_a_bot_was_given_is_not_handed_out_as_the_persons() -> None:
    issuer = DOCUMENTED["slack"]()
    world = await a_world_of(issuer)
    login = await signed_in(world, "slack", issuer)
    token = await world.tokens.token(world.tokens.key(WORK, None, None), NONE)
    assert token.value != Secret("xoxb-bot")
    assert login.granted == {"chat:write", "users:read"}


async def test_quirks_stand_in_the_grant_and_not_in_the_file() -> None:
    issuer = DOCUMENTED["slack"]()
    world = await a_world_of(issuer)
    await signed_in(world, "slack", issuer)
    pinned = world.store.grants[WORK].account.issuer
    assert pinned.quirks == PRESETS["slack"].quirks


async def test_a_template_is_given_by_its_url_and_not_by_its_name() -> None:
    world = await a_world_of(DOCUMENTED["keycloak"]())
    with pytest.raises(
        IssuerInvalidError, match=r"https://\{domain\}/realms"
    ) as caught:
        await begun_at(world, "keycloak", Documented())
    assert caught.value.issuer == "keycloak"
    assert world.sender.requests == []


async def test_the_slash_at_the_end_is_as_the_issuer_has_it() -> None:
    issuer = DOCUMENTED["auth0"]()
    world = await a_world_of(issuer)
    login = await begun_at(world, "auth0", issuer)
    assert login.sign_in.account.issuer.url == "https://corp.eu.auth0.com/"


@pytest.mark.parametrize(
    ("name", "way"),
    [("google", Way.OOB), ("google", Way.OOB_AUTO), ("yahoo", Way.LOOPBACK)],
)
async def test_a_way_that_is_known_to_be_refused_is_not_begun(
    name: str, way: Way
) -> None:
    issuer = DOCUMENTED[name]()
    world = await a_world_of(issuer)
    request = SignInRequest(
        account=WORK, issuer=name, client=Client(client_id=CLIENT_ID)
    )
    with pytest.raises(WayRefusedError):
        await world.logins.start(request, LoginOptions(way=way))
    assert world.listener.opened == []
    assert world.sender.requests == []  # nobody is asked for what is known


async def test_a_repeated_login_is_not_begun_by_a_refused_way_either() -> None:
    issuer = DOCUMENTED["google"]()
    world = await a_world_of(issuer)
    await signed_in(world, "google", issuer)
    with pytest.raises(WayRefusedError):
        await world.logins.start(SignInRequest(account=WORK), LoginOptions(way=Way.OOB))


async def test_the_port_that_the_person_names_goes_before_the_usual_one() -> None:
    issuer = DOCUMENTED["slack"]()
    world = await a_world_of(issuer)
    login = await begun_at(world, "slack", issuer, redirect=RedirectChoice(port=8080))
    assert login.redirect_uri == "http://localhost:8080/"


async def test_quirks_are_pinned_with_endpoints_that_are_discovered_too() -> None:
    quirks = Quirks(scope_separator=",")
    own = IssuerPreset(name="own", issuer="https://gitlab.com", quirks=quirks)
    issuer = DOCUMENTED["gitlab"]()
    world = await a_world_of(issuer, {"own": own})
    login = await begun_at(world, "own", issuer)
    assert login.sign_in.account.issuer.quirks == quirks
    assert asked(login)["scope"] == "drive,mail"
