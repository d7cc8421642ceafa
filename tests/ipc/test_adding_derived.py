"""The bodies of accounts that are made of others."""

import json

import pytest

from broker.ipc.adding_derived import token_exchange, view
from broker.model.account import AccountName
from broker.model.client import Client, ClientCertificate
from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.model.unattended import TokenExchange, View
from broker.oauth.token_exchange import TOKEN_TYPES
from broker.services.deriving import ExchangeWanted, ViewWanted
from tests.oauth.keys import p256, pem

PEM = pem(p256())
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


def test_its_client_may_have_a_key_or_a_certificate() -> None:
    members = {"client_id": "c", "audience": "token-endpoint"}
    data = body("token_exchange", private_key={"text": PEM, "key_id": "k"}, **members)
    read = token_exchange(CI, data)
    assert read.client is not None
    assert read.client.key is not None
    assert '"kid": "k"' in read.client.key.jwk.reveal()
    assert read.audience == "token-endpoint"
    data = body("token_exchange", certificate={"certificate": "/c.pem"}, client_id="c")
    shown = ClientCertificate(certificate="/c.pem")
    assert token_exchange(CI, data).client == Client(client_id="c", certificate=shown)


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
        {"private_key": {"text": PEM}},
        {"certificate": {"certificate": "/c.pem"}},
        {"client_id": "c", "client_secret": "s", "private_key": {"text": PEM}},
        {"client_id": "c", "certificate": {"certificate": "c.pem"}},
        {"client_id": "c", "private_key": {"text": PEM}, "audience": "a b"},
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
