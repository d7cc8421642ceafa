"""The ID token of a sign-in: a wrong signature ends it, keys out of reach do not."""

from dataclasses import replace

import pytest

from broker.model.errors import IssuerMalformedError, IssuerUnreachableError
from broker.model.http import HttpResponse
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.services.identification import PATIENCE
from broker.services.login import Login, LoginState
from tests.fakes.clock import run_until_idle
from tests.fakes.signer import Signer
from tests.services.identified import (
    SIGNER,
    TalkingIssuer,
    id_token,
    identified,
)
from tests.services.person import repeated, respond
from tests.services.world import ISSUER, WORK, World, a_world

NEW = Signer("key-2")
DOWN = IssuerUnreachableError(issuer=ISSUER.url, what="no route")


async def signed_in(
    issuer: TalkingIssuer, signer: Signer = SIGNER, **members: object
) -> tuple[World, Login]:
    """A repeated login, answered by `issuer` with an ID token of `signer`."""
    world = await a_world(identified())
    world.sender.answer_always(issuer)
    login = await repeated(world)
    assert login.own.nonce is not None
    nonce = login.own.nonce.reveal()
    issuer.id_token = id_token(signer, nonce=nonce, **members)
    respond(world, login)
    await run_until_idle()
    return world, login


async def test_the_signature_is_checked_before_the_grant_is_saved() -> None:
    world, login = await signed_in(TalkingIssuer())
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].refresh_token == Secret("r-1")


async def test_a_wrong_signature_ends_the_login_and_saves_nothing() -> None:
    forger = replace(NEW)
    forger.kid = "key-1"
    world, login = await signed_in(TalkingIssuer(), forger)
    assert isinstance(login.error, IssuerMalformedError)
    assert "not of the issuer's key" in login.error.what
    assert world.store.grants[WORK] == identified()


async def test_a_key_that_is_not_published_ends_the_login() -> None:
    _, login = await signed_in(TalkingIssuer(), NEW)
    assert isinstance(login.error, IssuerMalformedError)
    assert "does not publish" in login.error.what


async def test_a_key_that_is_new_does_not() -> None:
    _, login = await signed_in(TalkingIssuer(keys=(SIGNER, NEW)), NEW)
    assert login.state is LoginState.COMPLETE


@pytest.mark.parametrize("keys", [DOWN, HttpResponse(status=503)])
async def test_section_3_1_3_7_step_6_keys_out_of_reach_cost_no_sign_in(
    keys: Exception | HttpResponse, caplog: pytest.LogCaptureFixture
) -> None:
    world, login = await signed_in(TalkingIssuer(keys=keys))
    assert login.state is LoginState.COMPLETE
    assert world.store.grants[WORK].subject == "person-1"
    assert "login.id_token.unchecked" in caplog.text


async def test_keys_that_do_not_come_are_not_waited_for_long() -> None:
    world = await a_world(identified())
    issuer = TalkingIssuer()
    world.sender.answer_always(issuer)
    login = await repeated(world)
    assert login.own.nonce is not None
    issuer.id_token = id_token(nonce=login.own.nonce.reveal())
    world.sender.script(lambda _: _held(world, issuer))
    respond(world, login)
    await run_until_idle()
    assert not login.has_ended
    await world.clock.advance(PATIENCE)
    await run_until_idle()
    assert login.state is LoginState.COMPLETE


def _held(world: World, issuer: TalkingIssuer) -> HttpResponse:
    """The token endpoint's answer; from here on nobody answers."""
    answer = issuer(world.sender.requests[-1])
    world.sender.hold()
    return answer


async def test_the_id_token_of_a_sign_in_is_served_without_a_refresh() -> None:
    issuer = TalkingIssuer()
    world, _ = await signed_in(issuer)
    laid = world.tokens.id_tokens.find(WORK)
    assert laid is not None
    assert laid.value == issuer.id_token
    assert issuer.tokens == 1
    await world.clock.advance(Seconds(1))
