"""Name and address: asked for once, kept sealed, and never worth a sign-in."""

import pytest
from msgspec.structs import replace

from broker.model.errors import IssuerUnreachableError
from broker.model.grant import Grant
from broker.model.http import HttpResponse
from broker.model.person import Person
from broker.model.time import Seconds
from broker.services.login import Login, LoginState
from broker.services.token_cache import TokenKey
from broker.services.userinfo import PATIENCE, SOMEBODY_ELSES
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.services.identified import (
    USERINFO_URL,
    WITH_KEYS,
    TalkingIssuer,
    id_token,
    identified,
)
from tests.services.person import repeated, respond
from tests.services.world import ISSUER, WORK, World, a_world

ROBIN = Person(name="Robin Sample", email="robin@example.test")
TALKING = replace(WITH_KEYS, userinfo_endpoint=USERINFO_URL)
SAID = {"sub": "person-1", "name": ROBIN.name, "email": ROBIN.email}
DOWN = IssuerUnreachableError(issuer=ISSUER.url, what="no route")


async def signed_in(
    issuer: TalkingIssuer, grant: Grant | None = None, **members: object
) -> tuple[World, Login]:
    """A repeated login at an issuer with a UserInfo endpoint."""
    world = await a_world(grant or identified(TALKING))
    world.sender.answer_always(issuer)
    login = await repeated(world)
    assert login.own.nonce is not None
    issuer.id_token = id_token(nonce=login.own.nonce.reveal(), **members)
    respond(world, login)
    await run_until_idle()
    return world, login


async def test_what_the_id_token_does_not_say_is_asked_for_once() -> None:
    issuer = TalkingIssuer(userinfo=SAID)
    world, login = await signed_in(issuer)
    assert login.state is LoginState.COMPLETE
    assert login.notes == ()
    assert world.store.grants[WORK].person == ROBIN
    assert issuer.count("/me") == 1
    await world.clock.advance(Seconds(4000))
    key = TokenKey(account=WORK, scopes=None, resource=None)
    issuer.id_token = None
    await world.tokens.token(key, Seconds(0))
    assert world.store.grants[WORK].person == ROBIN
    assert issuer.count("/me") == 1


async def test_where_the_id_token_says_it_nobody_is_asked() -> None:
    issuer = TalkingIssuer()
    world, _ = await signed_in(issuer, name=ROBIN.name, email=ROBIN.email)
    assert world.store.grants[WORK].person == ROBIN
    assert issuer.count("/me") == 0


async def test_what_the_id_token_says_goes_before_what_userinfo_says() -> None:
    issuer = TalkingIssuer(userinfo=SAID)
    world, _ = await signed_in(issuer, email="signed@example.test")
    person = Person(name=ROBIN.name, email="signed@example.test")
    assert world.store.grants[WORK].person == person


async def test_an_issuer_without_the_endpoint_is_not_asked() -> None:
    issuer = TalkingIssuer()
    world, login = await signed_in(issuer, identified())
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].person == Person()
    assert issuer.count("/me") == 0


async def test_section_5_3_2_userinfo_of_another_subject_is_not_shown_and_told() -> (
    None
):
    issuer = TalkingIssuer(userinfo={**SAID, "sub": "person-2"})
    world, login = await signed_in(issuer)
    assert login.state is LoginState.COMPLETE
    assert login.notes == (SOMEBODY_ELSES,)
    assert world.store.grants[WORK].person == Person()
    assert world.store.grants[WORK].subject == "person-1"


@pytest.mark.parametrize(
    "userinfo",
    [
        DOWN,
        HttpResponse(status=503),
        HttpResponse(status=401),
        json_response([]),
        json_response({"sub": 1}),
        HttpResponse(
            status=200, headers={"content-type": "application/jwt"}, body=b"a.b.c"
        ),
    ],
)
async def test_what_goes_wrong_there_costs_no_sign_in(
    userinfo: HttpResponse | Exception,
) -> None:
    world, login = await signed_in(TalkingIssuer(userinfo=userinfo))
    assert login.state is LoginState.COMPLETE
    assert login.notes == ()
    assert world.store.grants[WORK].person == Person()


async def test_an_endpoint_that_does_not_answer_is_not_waited_for_long() -> None:
    issuer = TalkingIssuer()
    world = await a_world(identified(replace(TALKING, jwks_uri=None)))
    world.sender.answer_always(issuer)
    login = await repeated(world)
    assert login.own.nonce is not None
    issuer.id_token = id_token(nonce=login.own.nonce.reveal())
    world.sender.script(lambda _: _held(world, issuer))
    respond(world, login)
    await run_until_idle()
    # The grant is safe by now, whatever becomes of the rest.
    assert world.store.grants[WORK].version == 2
    assert not login.has_ended
    await world.clock.advance(PATIENCE)
    await run_until_idle()
    assert login.state is LoginState.COMPLETE


def _held(world: World, issuer: TalkingIssuer) -> HttpResponse:
    answer = issuer(world.sender.requests[-1])
    world.sender.hold()
    return answer


async def test_a_disk_that_refuses_costs_no_sign_in() -> None:
    issuer = TalkingIssuer(userinfo=SAID)
    world = await a_world(identified(TALKING))
    world.store.fail_save(2)
    world.sender.answer_always(issuer)
    login = await repeated(world)
    assert login.own.nonce is not None
    issuer.id_token = id_token(nonce=login.own.nonce.reveal())
    respond(world, login)
    await run_until_idle()
    assert login.state is LoginState.COMPLETE
    assert world.grants.get(WORK).person == ROBIN
