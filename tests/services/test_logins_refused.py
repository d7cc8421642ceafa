"""Logins that cannot begin, and codes that buy nothing: nothing changes."""

from urllib.parse import urlencode

import pytest

from broker.ipc.problems import problem
from broker.model.account import RedirectChoice
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    ClientRejectedError,
    IssuerUnreachableError,
    LockedError,
    LoginFailedError,
    PortInUseError,
    StoreCorruptError,
)
from broker.model.http import HttpResponse
from broker.model.redirect import Outcome
from broker.model.secret import Secret
from broker.services.way_in import LoginOptions
from tests.fakes.clock import run_until_idle
from tests.fakes.sender import json_response
from tests.services.person import a_request, begun, completed, repeated, respond
from tests.services.world import (
    ISSUER,
    WORK,
    World,
    a_grant,
    a_world,
    refusal,
    token_answer,
)


async def test_a_taken_port_is_told_at_once_and_nothing_is_under_way() -> None:
    world = await a_world()
    world.listener.taken.add(8080)
    with pytest.raises(PortInUseError):
        await begun(world, a_request(redirect=RedirectChoice(port=8080)))
    assert world.logins.under_way == 0
    assert world.store.grants == {}


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1:8080/",
        "http:///path",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:8080/?a=b",
        "http://127.0.0.1:8080/#top",
        "http://evil.example:8080/",
        "http://[::1",
        "urn:ietf:wg:oauth:2.0:oob",
        "com.example:/cb",
        "",
    ],
)
async def test_a_redirect_uri_that_is_not_on_this_machine_is_refused(uri: str) -> None:
    world = await a_world()
    with pytest.raises(BadRequestError):
        await begun(world, a_request(redirect=RedirectChoice(uri=uri)))
    assert world.listener.opened == []


@pytest.mark.parametrize(
    "words",
    [
        {"parameters": {"state": "mine"}},
        {"parameters": {"redirect_uri": "http://evil.example/"}},
        {"scopes": ("a b",)},
        {"login_hint": "a\nb"},
    ],
)
async def test_a_login_that_cannot_be_asked_for_leaves_no_listener_behind(
    words: dict[str, object],
) -> None:
    world = await a_world()
    with pytest.raises(BadRequestError):
        await begun(world, a_request(**words))
    assert world.listener.last.closed
    assert world.logins.under_way == 0


async def test_a_locked_store_is_told_before_the_browser_opens() -> None:
    world = World(source="passphrase")
    await world.vault.open_at_start()
    with pytest.raises(LockedError):
        await world.logins.start(a_request(), LoginOptions())
    assert world.listener.opened == []
    assert world.sender.requests == []


async def test_a_corrupt_store_is_told_before_the_browser_opens() -> None:
    world = World()
    world.door.fault = StoreCorruptError(path="p", what="w")
    await world.vault.open_at_start()
    with pytest.raises(StoreCorruptError):
        await world.logins.start(a_request(), LoginOptions())
    assert world.listener.opened == []


END: list[tuple[HttpResponse | BrokerError, type[BrokerError]]] = [
    (refusal("invalid_grant"), LoginFailedError),
    (refusal("invalid_client", 401), ClientRejectedError),
    (HttpResponse(status=500), IssuerUnreachableError),
    (json_response({"access_token": "a"}), BrokerError),
    (IssuerUnreachableError(issuer="x", what="cut off"), IssuerUnreachableError),
]


@pytest.mark.parametrize(("answer", "kind"), END)
async def test_a_code_that_buys_nothing_is_spent_once_and_changes_nothing(
    answer: HttpResponse | BrokerError, kind: type[BrokerError]
) -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    world.sender.script(answer)
    respond(world, login)
    await login.ended.wait()
    assert isinstance(login.error, kind)
    assert len(world.sender.requests) == 1
    assert world.store.grants[WORK] == a_grant()
    assert await world.listener.last.shown() is Outcome.FAILED


@pytest.mark.parametrize("iss", ["https://evil.example", f"{ISSUER.url}/"])
async def test_a_code_that_another_issuer_gave_goes_to_no_token_endpoint(
    iss: str,
) -> None:
    # A mix-up (RFC 9700 section 4.4): the honest issuer's code, in the login that was
    # begun at another, or the reverse.
    world = await a_world(a_grant())
    login = await repeated(world)
    respond(world, login, f"code=code-1&iss={iss}")
    await login.ended.wait()
    await run_until_idle()
    assert isinstance(login.error, LoginFailedError)
    assert world.sender.requests == []
    assert world.store.grants[WORK] == a_grant()


EVIL_TEXT = "\x1b[2K\x1b]8;;https://evil.example\x07\x9bA\u202e\u2066\u200b\r\n\x00"
HOSTILE = [
    refusal(EVIL_TEXT, error_description=EVIL_TEXT, error_uri=EVIL_TEXT),
    refusal("invalid_grant", error_description=EVIL_TEXT, error_subtype=EVIL_TEXT),
    refusal("invalid_scope", error_description=EVIL_TEXT),
    refusal("invalid_client", 401, error_description=EVIL_TEXT),
    refusal("temporarily_unavailable", 503, error_description=EVIL_TEXT),
    token_answer(token_type=EVIL_TEXT),
    token_answer(EVIL_TEXT),
    token_answer(scope=EVIL_TEXT),
    token_answer(refresh_token=EVIL_TEXT),
    token_answer(expires_in=EVIL_TEXT),
    json_response({EVIL_TEXT: EVIL_TEXT}),
    HttpResponse(status=302, headers={"location": EVIL_TEXT}),
    HttpResponse(status=500, body=EVIL_TEXT.encode()),
]


def told(error: BrokerError) -> list[str]:
    """Every text that a person or a program is given of an error."""
    texts: list[str] = []
    for value in problem(error).values():
        texts += [str(one) for one in (value if isinstance(value, list) else [value])]
    return texts


@pytest.mark.parametrize("answer", HOSTILE)
async def test_nothing_that_a_token_endpoint_says_rewrites_a_terminal(
    answer: HttpResponse,
) -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    world.sender.script(answer)
    respond(world, login)
    await login.ended.wait()
    assert login.error is not None
    assert [text for text in told(login.error) if not text.isprintable()] == []


@pytest.mark.parametrize("name", ["error", "error_description", "iss", "code"])
async def test_nothing_that_comes_with_the_browser_rewrites_a_terminal(
    name: str,
) -> None:
    world = await a_world(a_grant())
    login = await repeated(world)
    respond(world, login, urlencode({"error_uri": EVIL_TEXT, name: EVIL_TEXT}))
    await login.ended.wait()
    assert login.error is not None
    assert [text for text in told(login.error) if not text.isprintable()] == []


async def test_a_grant_that_cannot_be_saved_is_kept_in_memory_and_told() -> None:
    # The code is spent: what it gave cannot be had again.
    world = await a_world(a_grant())
    login = await repeated(world)
    world.store.fail_next_save()
    await completed(world, login, token_answer(refresh_token="of-login"))
    assert login.error is None
    assert "in memory alone" in login.notes[0]
    assert world.store.grants[WORK] == a_grant()
    assert world.grants.get(WORK).refresh_token == Secret("of-login")


async def test_a_store_that_was_locked_meanwhile_spends_no_code() -> None:
    world = World(source=None)
    login = await begun(world)
    world.door.source = "passphrase"  # somebody else has made one
    respond(world, login)
    await login.ended.wait()
    assert isinstance(login.error, LockedError)
    assert len(world.sender.requests) == 1
