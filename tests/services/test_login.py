"""One login as a state machine: every event in every state."""

import asyncio
import itertools

import pytest

from broker.model.errors import LoginFailedError, LoginRefusedError
from broker.model.redirect import Outcome, Verdict
from broker.model.secret import Secret
from broker.services.login import (
    NEXT,
    CodeArrived,
    Failed,
    GrantSaved,
    Login,
    LoginEvent,
    LoginSecrets,
    LoginState,
)
from broker.services.sign_in import SignIn
from tests.fakes.clock import run_until_idle
from tests.services.world import WORK, a_grant, an_account

STATE = "the-state-of-this-login"

CODE = CodeArrived(code=Secret("code-1"))
SAVED = GrantSaved(grant=a_grant(), notes=("a note",))
FAILED = Failed(error=LoginFailedError(account=WORK, reason="x"))
EVENTS: list[LoginEvent] = [CODE, SAVED, FAILED]

WAY_TO: dict[LoginState, list[LoginEvent]] = {
    LoginState.AWAITING: [],
    LoginState.REDEEMING: [CODE],
    LoginState.COMPLETE: [CODE, SAVED],
    LoginState.FAILED: [FAILED],
}


def a_login(*events: LoginEvent) -> Login:
    own = LoginSecrets(state=Secret(STATE), verifier=Secret("v"), nonce=None)
    sign_in = SignIn(account=an_account(), preset=None, is_first=True)
    login = Login(login_id="id-1", sign_in=sign_in, own=own)
    for event in events:
        login.advance(event)
    return login


@pytest.mark.parametrize("state", LoginState)
def test_every_state_can_be_reached(state: LoginState) -> None:
    assert a_login(*WAY_TO[state]).state is state


@pytest.mark.parametrize(
    ("state", "event"),
    list(itertools.product(LoginState, EVENTS)),
    ids=lambda value: getattr(value, "value", type(value).__name__),
)
def test_an_event_leads_where_the_table_says_or_nowhere(
    state: LoginState, event: LoginEvent
) -> None:
    login = a_login(*WAY_TO[state])
    before = (login.code, login.granted, login.error, login.notes)
    login.advance(event)
    expected = NEXT.get((state, type(event)))
    assert login.state is (expected or state)
    if expected is None:
        assert (login.code, login.granted, login.error, login.notes) == before


def test_the_table_leads_from_no_end_to_anywhere() -> None:
    ends = {LoginState.COMPLETE, LoginState.FAILED}
    assert not any(state in ends for state, _ in NEXT)
    assert set(NEXT.values()) == {*ends, LoginState.REDEEMING}


@pytest.mark.parametrize(
    ("state", "answered", "ended"),
    [
        (LoginState.AWAITING, False, False),
        (LoginState.REDEEMING, True, False),
        (LoginState.COMPLETE, True, True),
        (LoginState.FAILED, True, True),
    ],
)
def test_whoever_waits_is_woken_at_the_right_moment(
    state: LoginState, *, answered: bool, ended: bool
) -> None:
    login = a_login(*WAY_TO[state])
    assert login.answered.is_set() is answered
    assert login.ended.is_set() is ended
    assert login.has_ended is ended


@pytest.mark.parametrize("state", [LoginState.COMPLETE, LoginState.FAILED])
def test_a_login_that_has_ended_holds_no_code(state: LoginState) -> None:
    assert a_login(*WAY_TO[state]).code is None


async def test_the_page_waits_for_the_end_and_shows_what_it_was() -> None:
    login = a_login(CODE)
    page = asyncio.create_task(login.outcome())
    await run_until_idle()
    assert not page.done()
    login.advance(SAVED)
    assert await page is Outcome.SIGNED_IN
    assert await a_login(FAILED).outcome() is Outcome.FAILED


# --- what arrives at the redirect URI ----------------------------------------------


def test_a_code_with_the_right_state_is_taken() -> None:
    login = a_login()
    assert login.on_response(f"code=code-1&state={STATE}") is Verdict.TAKEN
    assert login.state is LoginState.REDEEMING
    assert login.code == Secret("code-1")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=code-1",
        "code=code-1&state=",
        "code=code-1&state=another",
        f"code=code-1&state={STATE}x",
        f"code=code-1&state={STATE.upper()}",
        f"code=code-1&state={STATE}&state={STATE}",
        f"code=code-1&state[]={STATE}",
        "error=access_denied",
        "error=access_denied&state=another",
        "state=%ff%00",
        "&" * 200,
        "x" * 20_000,
        f"{'a=b&' * 100}state={STATE}",
    ],
)
def test_what_has_another_state_is_a_stray_and_the_login_goes_on(query: str) -> None:
    login = a_login()
    for _ in range(3):
        assert login.on_response(query) is Verdict.STRAY
    assert not login.answered.is_set()
    assert login.on_response(f"code=code-1&state={STATE}") is Verdict.TAKEN
    assert login.state is LoginState.REDEEMING


async def test_a_refusal_with_the_right_state_ends_the_login_and_says_so() -> None:
    login = a_login()
    query = f"error=access_denied&error_description=%1b[2JNo&state={STATE}"
    assert login.on_response(query) is Verdict.TAKEN
    assert login.state is LoginState.FAILED
    assert isinstance(login.error, LoginRefusedError)
    assert login.error.error == "access_denied"
    assert login.error.description == " [2JNo"
    assert await login.outcome() is Outcome.REFUSED


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "code=",
        "code=a&code=b",
        "code=a%00b",
        "code=a&iss=https://evil.example",
        "code=a&iss=https://issuer.example/",
        "response=jwt",
    ],
)
async def test_a_response_that_is_broken_ends_the_login(rest: str) -> None:
    login = a_login()
    assert login.on_response(f"{rest}&state={STATE}") is Verdict.TAKEN
    assert login.state is LoginState.FAILED
    assert isinstance(login.error, LoginFailedError)
    assert login.error.reason.startswith("the authorization response is wrong: ")
    assert await login.outcome() is Outcome.FAILED


@pytest.mark.parametrize(
    "second",
    [
        "code=code-2",
        "error=access_denied",
        "code=a&code=b",
        "code=code-1&iss=https://evil.example",
        "",
    ],
)
def test_a_second_response_changes_nothing_of_what_the_first_one_began(
    second: str,
) -> None:
    login = a_login()
    login.on_response(f"code=code-1&state={STATE}")
    assert login.on_response(f"{second}&state={STATE}") is Verdict.TAKEN
    assert login.state is LoginState.REDEEMING
    assert login.code == Secret("code-1")
    assert login.error is None


def test_a_response_after_the_end_changes_nothing() -> None:
    login = a_login(FAILED)
    assert login.on_response(f"code=code-1&state={STATE}") is Verdict.TAKEN
    assert login.state is LoginState.FAILED
    assert login.code is None


def test_no_response_is_written_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    login = a_login()
    login.on_response("code=c4n4ry&state=forged")
    login.on_response(f"code=c4n4ry&state={STATE}")
    assert "c4n4ry" not in caplog.text
    assert STATE not in caplog.text


def test_secrets_of_a_login_do_not_show() -> None:
    assert STATE not in repr(a_login().own)
    assert "code-1" not in repr(CODE)
