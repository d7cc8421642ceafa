"""Replies as JSON: what they say, and that none but the token's holds a token."""

import json

from msgspec.structs import replace

from broker.ipc import login_wire, wire
from broker.model.grant import GrantState
from broker.model.leaving import leaving
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.accounts import LogOut
from broker.services.login import CodeArrived, GrantSaved
from broker.services.logins import Started
from broker.services.served import TokenServed
from tests.fakes.clock import START
from tests.ipc.test_login_wire import a_login
from tests.services.world import WORK, a_grant

CANARY = "c4n4ry"


def test_a_token_reply_has_the_true_end_and_sorted_scopes() -> None:
    token = AccessToken(
        value=Secret("tok"),
        token_type="Bearer",
        scopes=frozenset({"b", "a"}),
        obtained=START,
        life=Seconds(60),
    )
    reply = json.loads(wire.token_reply(TokenServed(account=WORK, token=token)))
    assert reply == {
        "access_token": "tok",
        "token_type": "Bearer",
        "expires_at": START.wall + 60,
        "scopes": ["a", "b"],
        "account": "work",
    }
    endless = TokenServed(account=WORK, token=replace(token, life=None))
    assert json.loads(wire.token_reply(endless))["expires_at"] is None


def test_a_bare_token_that_is_no_bearer_token_says_so_beside_it() -> None:
    token = AccessToken(
        value=Secret("tok"),
        token_type="DPoP",
        scopes=frozenset(),
        obtained=START,
        life=Seconds(60),
    )
    served = TokenServed(account=WORK, token=token)
    assert wire.token_headers(served) == {"Token-Type": "DPoP"}
    usual = TokenServed(account=WORK, token=replace(token, token_type="Bearer"))
    assert wire.token_headers(usual) == {}


def test_an_account_that_has_ended_is_not_called_refreshable() -> None:
    dead = replace(a_grant(), state=GrantState.DEAD, ended_because="revoked")
    reply = wire.account_reply(dead, is_default=True)
    assert reply["state"] == "dead"
    assert reply["refreshable"] is False
    assert reply["ended_because"] == "revoked"
    assert wire.account_reply(a_grant(), is_default=False)["refreshable"] is True


def test_no_reply_but_the_tokens_holds_a_token() -> None:
    grant = replace(a_grant(refresh_token=CANARY), dpop_key=Secret(CANARY))
    login = a_login("drive")
    login.advance(CodeArrived(code=Secret(CANARY)))
    login.advance(GrantSaved(grant=grant))
    replies = [
        wire.account_reply(grant, is_default=True),
        login_wire.login_reply(login),
        login_wire.login_begun(Started(login=login)),
        wire.log_out_reply(LogOut(account=WORK, revoked=True, left=("x",))),
        wire.account_reply(leaving(grant, START.wall), is_default=False),
    ]
    assert CANARY not in json.dumps(replies)
