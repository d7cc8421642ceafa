"""The bodies of accounts that are made of others."""

import json

import pytest

from broker.ipc.adding_derived import token_exchange, view
from broker.model.account import AccountName
from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.unattended import TokenExchange, View
from broker.oauth.token_exchange import TOKEN_TYPES
from broker.services.deriving import ExchangeWanted, ViewWanted

CI, WORK = AccountName("ci"), AccountName("work")


def body(kind: str, **members: object) -> bytes:
    return json.dumps({"kind": kind, "from": "work", **members}).encode()


def test_a_view_is_read_whole() -> None:
    data = body("view", scopes=["mail"], resource="https://a.example", replace=True)
    assert view(CI, data) == ViewWanted(
        name=CI,
        view=View(parent=WORK),
        scopes=("mail",),
        resource="https://a.example",
        replace=True,
    )
    assert view(CI, body("view", scopes=["a"], allow_wider=True)).view.wider


def test_an_exchange_is_read_whole() -> None:
    data = body(
        "token_exchange",
        issuer="i",
        client_id="c",
        client_secret="s",
        audiences=["orders"],
        requested_token_type="jwt",
    )
    assert token_exchange(CI, data) == ExchangeWanted(
        name=CI,
        exchange=TokenExchange(
            parent=WORK,
            subject_type=TOKEN_TYPES["access_token"],
            requested_type=TOKEN_TYPES["jwt"],
            audiences=("orders",),
        ),
        issuer="i",
        client=Client(client_id="c", client_secret=Secret("s")),
    )
    assert token_exchange(CI, body("token_exchange")).client is None


@pytest.mark.parametrize(
    "data",
    [
        body("view"),
        body("view", scopes=[]),
        body("view", scopes=["a b"]),
        body("view", scopes=["a"], resource="no"),
        body("view", scopes=["a"], client_id="c"),
        json.dumps({"kind": "view", "scopes": ["a"]}).encode(),
    ],
)
def test_a_view_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError):
        view(CI, data)


@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "i", "token_endpoint": "https://sts.example"},
        {"client_secret": "s"},
        {"client_id": ""},
        {"client_id": "c", "client_secret": "ü"},
        {"audiences": [""]},
        {"audiences": ["a\nb"]},
        {"subject_token_type": "saml2"},
        {"requested_token_type": "refresh_token"},
        {"parameters": {"actor_token": "x"}},
        {"parameters": {"scope": "x"}},
        {"from": "../work"},
    ],
)
def test_an_exchange_that_is_none_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        token_exchange(CI, body("token_exchange", **members))
