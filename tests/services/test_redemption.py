"""From a code to a grant: what is kept, what is noted, and whose it is."""

import asyncio
import base64
import json

import pytest
from msgspec.structs import replace

from broker.model.client import Client
from broker.model.errors import (
    IssuerMalformedError,
    LoginFailedError,
    StoreFailedError,
)
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpResponse
from broker.model.issuer import IssuerPreset
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.services.login import Login, LoginState
from broker.services.sign_in import SignInRequest
from broker.services.token_cache import TokenKey
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.services.person import a_request, begun, completed, repeated, respond
from tests.services.world import (
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    token_answer,
)

NONE = Seconds(0)
ALL = TokenKey(account=WORK, scopes=None, resource=None)


def id_token(login: Login, **members: object) -> str:
    """An ID token of this login, unsigned: it comes straight from the issuer."""
    nonce = login.own.nonce
    claims = {
        "iss": ISSUER.url,
        "aud": "client-1",
        "sub": "person-1",
        "exp": 1_800_003_600,
        "iat": 1_800_000_000,
        "nonce": None if nonce is None else nonce.reveal(),
        **members,
    }
    parts = [{"alg": "RS256"}, {k: v for k, v in claims.items() if v is not None}]
    texts = [base64.urlsafe_b64encode(json.dumps(p).encode()) for p in parts]
    return ".".join(text.rstrip(b"=").decode() for text in [*texts, b"c2ln"])


def person_grant(subject: str | None = "person-1", **members: object) -> Grant:
    """A grant of an account that asks for `openid`."""
    grant = a_grant(scopes="openid drive", subject=subject)
    return replace(grant, **members)


async def signed_in_again(
    before: Grant,
    *,
    request: SignInRequest | None = None,
    subject: str = "person-1",
    refresh_token: str | None = None,
) -> tuple[World, Login]:
    """A repeated login, of anybody, whose answer has an ID token."""
    world = await a_world(before)
    options = LoginOptions(other_person=True)
    request = request or SignInRequest(account=WORK)
    login = (await world.logins.start(request, options)).login
    client = login.sign_in.account.client.client_id
    answer = token_answer(
        id_token=id_token(login, sub=subject, aud=client), refresh_token=refresh_token
    )
    return world, await completed(world, login, answer)


# --- scopes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        (None, {"drive", "mail"}),
        ("drive", {"drive"}),
        ("drive mail admin", {"drive", "mail", "admin"}),
        ("drive,mail", {"drive", "mail"}),
    ],
)
async def test_the_grant_has_the_scopes_that_were_granted(
    granted: str | None, expected: set[str]
) -> None:
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer(refresh_token="r", scope=granted))
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].scopes == expected
    assert world.store.grants[WORK].account.scopes == ("drive", "mail")


# --- without a refresh token, or without an end ------------------------------------


async def test_an_answer_without_a_refresh_token_makes_its_token_the_grant() -> None:
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer("only", expires_in=None))
    saved = world.store.grants[WORK]
    assert saved.refresh_token is None
    assert saved.access_token is not None
    assert saved.access_token.value == Secret("only")
    assert saved.access_token.life is None
    assert len(login.notes) == 1
    assert "does not expire" in login.notes[0]


async def test_a_token_that_will_end_and_cannot_be_renewed_is_told_of() -> None:
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer("only", expires_in=28800))
    assert "sign in again in 28800 seconds" in login.notes[0]


async def test_with_a_refresh_token_no_access_token_is_sealed() -> None:
    world = await a_world()
    await completed(world, await begun(world), token_answer(refresh_token="r"))
    assert world.store.grants[WORK].access_token is None


async def test_the_end_of_the_refresh_token_is_kept_where_the_issuer_says_it() -> None:
    world = await a_world()
    answer = token_answer(refresh_token="r", refresh_token_expires_in=604_800)
    await completed(world, await begun(world), answer)
    assert world.store.grants[WORK].refresh_expires_at == UnixTime(1_800_604_800)


# --- who signed in -----------------------------------------------------------------


async def test_openid_sends_a_nonce_and_the_subject_is_kept() -> None:
    world = await a_world()
    login = await begun(world, a_request(scopes=("openid", "drive")))
    assert login.own.nonce is not None
    assert f"nonce={login.own.nonce.reveal()}" in login.authorization_url
    answer = token_answer(refresh_token="r", id_token=id_token(login))
    await completed(world, login, answer)
    assert world.store.grants[WORK].subject == "person-1"


@pytest.mark.parametrize(
    "members",
    [
        {"nonce": "of-another-login"},
        {"nonce": None},
        {"aud": "client-2"},
        {"aud": ["client-1", "client-2"]},
        {"iss": "https://evil.example"},
        {"exp": 1_799_999_000},
        {"iat": 1_800_001_000},
        {"sub": None},
        {"sub": 7},
    ],
)
async def test_an_id_token_that_is_not_of_this_login_ends_it(
    members: dict[str, object],
) -> None:
    world = await a_world(person_grant())
    login = await repeated(world)
    answer = token_answer(refresh_token="r", id_token=id_token(login, **members))
    await completed(world, login, answer)
    assert isinstance(login.error, IssuerMalformedError)
    assert world.store.grants[WORK] == person_grant()


async def test_openid_without_an_id_token_ends_the_login() -> None:
    world = await a_world(person_grant())
    login = await repeated(world)
    await completed(world, login, token_answer(refresh_token="r"))
    assert isinstance(login.error, LoginFailedError)
    assert "no ID token" in login.error.reason
    assert world.store.grants[WORK] == person_grant()


async def test_an_id_token_that_was_not_asked_for_is_not_looked_at() -> None:
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer(refresh_token="r", id_token="a.b.c"))
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].subject is None


async def test_the_same_person_keeps_the_older_refresh_token_where_none_came() -> None:
    world, login = await signed_in_again(person_grant())
    assert login.state is LoginState.COMPLETE
    saved = world.store.grants[WORK]
    assert saved.refresh_token == Secret("refresh-1")
    assert saved.access_token is None
    assert login.notes == ()


async def test_a_new_refresh_token_replaces_the_older_one() -> None:
    world, _ = await signed_in_again(person_grant(), refresh_token="refresh-2")
    assert world.store.grants[WORK].refresh_token == Secret("refresh-2")


async def test_another_person_never_inherits_a_refresh_token() -> None:
    world, login = await signed_in_again(person_grant("person-2"))
    assert world.store.grants[WORK].refresh_token is None
    assert any("somebody else" in note for note in login.notes)


@pytest.mark.parametrize(
    "request_",
    [
        SignInRequest(account=WORK, resource="https://api.example/"),
        SignInRequest(
            account=WORK, client=Client(client_id="client-2"), scopes=("openid",)
        ),
    ],
)
async def test_another_client_or_resource_never_inherits_a_refresh_token(
    request_: SignInRequest,
) -> None:
    world, login = await signed_in_again(person_grant(), request=request_)
    assert login.error is None
    assert world.store.grants[WORK].refresh_token is None
    assert any("still stands at" in note for note in login.notes)


async def test_who_was_not_known_before_may_be_anybody() -> None:
    world, login = await signed_in_again(person_grant(None))
    assert world.store.grants[WORK].refresh_token is None
    assert not any("somebody else" in note for note in login.notes)


async def test_without_openid_nobody_knows_who_it_is_so_nothing_is_inherited() -> None:
    world = await a_world(a_grant(subject="person-1"))
    login = await repeated(world)
    await completed(world, login, token_answer())
    assert world.store.grants[WORK].refresh_token is None


async def test_the_refresh_token_of_a_dead_grant_is_not_kept() -> None:
    dead = person_grant(state=GrantState.DEAD, ended_because="revoked")
    world, _ = await signed_in_again(dead)
    assert world.store.grants[WORK].refresh_token is None
    assert world.store.grants[WORK].access_token is not None


async def test_the_refresh_token_of_a_grant_that_waits_for_its_person_is_kept() -> None:
    waiting = person_grant(state=GrantState.REAUTHENTICATE, ended_because="rapt")
    world, _ = await signed_in_again(waiting)
    assert world.store.grants[WORK].refresh_token == Secret("refresh-1")
    assert world.store.grants[WORK].state is GrantState.LIVE


async def test_a_kept_refresh_token_is_the_newest_also_when_it_rotates_meanwhile() -> (
    None
):
    world = await a_world(person_grant())
    login = await repeated(world)
    gate = asyncio.Event()

    async def rotated(_: object) -> HttpResponse:
        await gate.wait()
        return token_answer(refresh_token="refresh-2")

    world.sender.script(rotated)
    refreshing = asyncio.create_task(world.tokens.token(ALL, NONE))
    await run_until_idle()  # the issuer has retired refresh-1 by now
    world.sender.script(token_answer(id_token=id_token(login)))
    respond(world, login)
    await run_until_idle()
    gate.set()
    await login.ended.wait()
    await asyncio.gather(refreshing, return_exceptions=True)
    assert world.store.grants[WORK].refresh_token == Secret("refresh-2")


# --- what is said besides ----------------------------------------------------------


async def test_the_issuers_own_note_is_told_at_the_first_login_only() -> None:
    preset = IssuerPreset(
        name="p", issuer=ISSUER.url, pinned=ISSUER, note="Ends after 7 days."
    )
    world = World(presets={"p": preset})
    await world.vault.open_at_start()
    login = (
        await world.logins.start(a_request(issuer="p"), LoginOptions(again=True))
    ).login
    await completed(world, login, token_answer(refresh_token="r-1"))
    assert login.notes == ("Ends after 7 days.",)
    again = await completed(
        world, await repeated(world), token_answer(refresh_token="r-2")
    )
    assert again.notes == ()


async def test_the_life_of_a_first_token_counts_from_before_the_request_left() -> None:
    world = await a_world()
    login = await begun(world)
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="r"))
    respond(world, login)
    await world.clock.advance(Seconds(20))
    gate.set()
    await login.ended.wait()
    token = await world.tokens.token(ALL, NONE)
    assert token.left(world.clock.now()) == Seconds(3580)


async def test_a_log_of_a_whole_login_holds_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    world = await a_world()
    login = await begun(world)
    await completed(world, login, token_answer("c4n4ry-a", refresh_token="c4n4ry-r"))
    own = login.own
    secrets = [own.state.reveal(), own.verifier.reveal(), "c4n4ry", "code-1"]
    assert "login.ended account=work state=complete" in caplog.text
    assert not any(secret in caplog.text for secret in secrets)


async def test_a_lock_waits_for_the_code_that_is_being_spent() -> None:
    # It is spent once: what it gives would be lost behind the lock.
    world = await a_world(a_grant())
    login = await repeated(world)
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="of-login"))
    respond(world, login)
    await run_until_idle()
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    assert not locking.done()
    gate.set()
    await locking
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].refresh_token == Secret("of-login")
    assert world.vault.opened is None


async def test_a_code_that_is_refused_holds_no_lock_up() -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    await completed(world, login, HttpResponse(status=500, headers={}, body=b""))
    await world.vault.lock()
    assert world.vault.opened is None


async def test_a_lock_is_refused_where_the_disk_refuses_what_a_code_gives() -> None:
    world = await a_world()
    login = await begun(world)
    gate = world.sender.hold()
    world.sender.script(token_answer(refresh_token="newer"))
    respond(world, login)
    await run_until_idle()
    locking = asyncio.create_task(world.vault.lock(), name="lock")
    await run_until_idle()
    world.store.fail_next_save(10**6)
    gate.set()
    with pytest.raises(StoreFailedError, match="work"):
        await locking
    assert world.grants.get(WORK).refresh_token == Secret("newer")
    world.store.mend()
    await world.vault.close()


async def test_a_code_that_comes_back_to_a_locked_store_is_not_spent() -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    await world.vault.lock()
    respond(world, login)
    await login.ended.wait()
    assert login.error is not None
    assert login.error.code == "locked"
    assert world.sender.requests == []
