"""Replies as JSON: what they say, and that none but the token's holds a token."""

import json
from dataclasses import replace

from broker.ipc import wire
from broker.model.grant import GrantState
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.access import TokenServed
from broker.services.accounts import LogOut
from broker.services.login import CodeArrived, GrantSaved, Login, LoginSecrets
from broker.services.sign_in import SignIn
from tests.fakes.clock import START
from tests.services.world import WORK, a_grant, an_account

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


def a_login(scopes: str) -> Login:
    own = LoginSecrets(state=Secret("s"), verifier=Secret("v"), nonce=None)
    sign_in = SignIn(account=an_account(scopes=scopes), preset=None, is_first=True)
    return Login(login_id="id", sign_in=sign_in, own=own)


def test_a_login_tells_what_was_not_granted_and_what_besides() -> None:
    login = a_login("drive mail offline_access")
    assert wire.login_reply(login)["missing_scopes"] == []  # nothing is decided yet
    login.advance(CodeArrived(code=Secret("c")))
    assert wire.login_reply(login)["state"] == "pending"
    grant = a_grant(scopes="openid drive")
    login.advance(GrantSaved(grant=grant, notes=("a note",)))
    reply = wire.login_reply(login)
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
    assert wire.login_reply(login)["missing_scopes"] == ["offline_access"]


def test_an_account_that_has_ended_is_not_called_refreshable() -> None:
    dead = replace(a_grant(), state=GrantState.DEAD, ended_because="revoked")
    reply = wire.account_reply(dead, is_default=True)
    assert reply["state"] == "dead"
    assert reply["refreshable"] is False
    assert reply["ended_because"] == "revoked"
    assert wire.account_reply(a_grant(), is_default=False)["refreshable"] is True


def test_no_reply_but_the_tokens_holds_a_token() -> None:
    grant = a_grant(refresh_token=CANARY)
    login = a_login("drive")
    login.advance(CodeArrived(code=Secret(CANARY)))
    login.advance(GrantSaved(grant=grant))
    replies = [
        wire.account_reply(grant, is_default=True),
        wire.login_reply(login),
        wire.login_begun(login),
        wire.log_out_reply(LogOut(account=WORK, revoked=True, left=("x",))),
    ]
    assert CANARY not in json.dumps(replies)
