"""Logins on the socket: what is taken, what is refused, and what is answered."""

import json

import pytest

from broker.ipc import login_wire, wire
from broker.model.account import RedirectChoice
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.way import Way
from broker.services.login import CodeArrived, GrantSaved, Login, LoginSecrets
from broker.services.sign_in import SignIn
from broker.services.way_in import DEFAULT_TIMEOUT
from tests.services.world import WORK, a_grant, an_account

CANARY = "c4n4ry"


def login_body(**members: object) -> login_wire.LoginBody:
    return wire.parse_body(
        json.dumps({"account": "work", **members}).encode(), login_wire.LoginBody
    )


def read_login(**members: object) -> None:
    body = login_body(**members)
    login_wire.sign_in_request(body)
    login_wire.login_options(body)


def test_a_name_alone_asks_to_repeat_what_is_stored() -> None:
    request = login_wire.sign_in_request(login_body())
    assert request.account == WORK
    assert request.issuer is None
    assert request.client is None
    assert request.scopes is None
    assert request.parameters is None
    assert request.redirect is None
    assert request.dpop is None
    options = login_wire.login_options(login_body())
    assert (options.timeout, options.way) == (DEFAULT_TIMEOUT, Way.LOOPBACK)


def test_every_member_of_a_login_request_is_read_and_secrets_become_secret() -> None:
    body = login_body(
        issuer="google",
        client_id="c",
        client_secret=CANARY,
        scopes=["b", "a"],
        parameters={"hd": "example.com"},
        login_hint="alice",
        redirect={"host": "localhost", "bind": "127.0.0.1", "port": 8080},
        dpop=True,
        mcp="https://mcp.example/mcp",
        way="oob-auto",
        success_message="Done.",
        timeout=60,
    )
    request = login_wire.sign_in_request(body)
    assert request.client is not None
    assert request.client.client_secret == Secret(CANARY)
    assert request.scopes == ("b", "a")
    assert request.dpop is True
    assert request.parameters == {"hd": "example.com"}
    assert request.mcp == "https://mcp.example/mcp"
    assert request.redirect == RedirectChoice(
        host="localhost", bind="127.0.0.1", port=8080
    )
    assert CANARY not in repr(request)
    options = login_wire.login_options(body)
    assert (options.timeout, options.success_message) == (Seconds(60.0), "Done.")
    assert options.way is Way.OOB_AUTO


def test_the_text_of_a_client_secrets_file_is_secret_as_a_whole() -> None:
    request = login_wire.sign_in_request(login_body(client_secrets=f"{{{CANARY}}}"))
    assert request.client_secrets == Secret(f"{{{CANARY}}}")
    assert CANARY not in repr(request)


def test_a_request_body_does_not_show_its_secrets() -> None:
    body = login_body(client_secret=CANARY, client_id="c", client_secrets=CANARY)
    assert CANARY not in repr(body)


@pytest.mark.parametrize(
    "members",
    [
        {"account": "a b"},
        {"client_secret": "s"},
        {"client_id": "c", "client_secrets": "{}"},
        {"resource": "https://api.example/", "mcp": "https://mcp.example/mcp"},
        {"resource": "https://api.example/#part"},
        {"resource": "files"},
        {"resource": ""},
        {"scopes": ["a b"]},
        {"parameters": {"a": 1}},
        {"parameters": ["a"]},
        {"redirect": {"port": -1}},
        {"redirect": {"uri": "http://127.0.0.1:1/", "port": 2}},
        {"redirect": {"uri": "http://127.0.0.1:1/", "host": "::1"}},
        {"redirect": {"port": 65536}},
        {"redirect": {"port": 1.5}},
        {"redirect": {"url": "x"}},
        {"way": "elsewhere"},
        {"way": None},
        {"timeout": 0},
        {"timeout": 3601},
        {"timeout": "60"},
        {"client-id": "c"},
    ],
)
def test_a_login_request_that_is_out_of_range_is_a_bad_request(
    members: dict[str, object],
) -> None:
    with pytest.raises(BadRequestError):
        read_login(**members)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [({}, 0), ({"wait": "0"}, 0), ({"wait": "59.5"}, 59.5), ({"wait": "60"}, 60)],
)
def test_the_seconds_of_a_long_poll(query: dict[str, str], seconds: float) -> None:
    assert login_wire.parse_wait(query) == Seconds(seconds)


@pytest.mark.parametrize(
    "query",
    [{"wait": w} for w in ("", "-1", "61", "nan", "inf", "1e3", "x", "0x10")]
    + [{"wai": "1"}, {"wait": "1", "x": "1"}],
)
def test_any_other_wait_is_a_bad_request(query: dict[str, str]) -> None:
    with pytest.raises(BadRequestError):
        login_wire.parse_wait(query)


def a_login(scopes: str) -> Login:
    own = LoginSecrets(state=Secret("s"), verifier=Secret("v"), nonce=None)
    sign_in = SignIn(account=an_account(scopes=scopes), preset=None, is_first=True)
    return Login(login_id="id", sign_in=sign_in, own=own)


def test_a_login_tells_what_was_not_granted_and_what_besides() -> None:
    login = a_login("drive mail offline_access")
    assert (
        login_wire.login_reply(login)["missing_scopes"] == []
    )  # nothing is decided yet
    login.advance(CodeArrived(code=Secret("c")))
    assert login_wire.login_reply(login)["state"] == "pending"
    grant = a_grant(scopes="openid drive")
    login.advance(GrantSaved(grant=grant, notes=("a note",)))
    reply = login_wire.login_reply(login)
    assert reply["state"] == "complete"
    assert reply["scopes"] == ["drive", "openid"]
    assert reply["missing_scopes"] == ["mail"]  # the refresh token is offline_access
    assert reply["extra_scopes"] == ["openid"]
    assert reply["refreshable"] is True
    assert reply["notes"] == ["a note"]


def test_offline_access_without_a_refresh_token_is_missing() -> None:
    login = a_login("offline_access")
    login.advance(CodeArrived(code=Secret("c")))
    login.advance(GrantSaved(grant=a_grant(refresh_token=None, scopes="drive")))
    assert login_wire.login_reply(login)["missing_scopes"] == ["offline_access"]


def test_a_pasted_answer_is_not_shown() -> None:
    body = wire.parse_body(
        json.dumps({"pasted": CANARY}).encode(), login_wire.ResponseBody
    )
    assert body.pasted == CANARY
    assert CANARY not in repr(body)


def test_rfc8707_the_one_resource_that_a_person_names_is_read() -> None:
    named = login_body(resource="https://api.example/")
    assert login_wire.sign_in_request(named).resource == "https://api.example/"
    assert login_wire.sign_in_request(login_body()).resource is None
