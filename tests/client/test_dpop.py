import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from brokerd_client import AsyncBrokerClient, BrokerClient, BrokerError, Token
from brokerd_client.dpop import Nonces, wants_nonce
from tests.fakes.broker import FakeBroker, http, in_turn

TOKEN = Token(
    value="tok-1", expires_at=None, scopes=(), account="work", token_type="DPoP"
)
API = "https://api.example/files"

Prove = Callable[[str | None], str]


def prove(nonce: str | None) -> str:
    return BrokerClient().dpop_proof(TOKEN, "GET", API, nonce=nonce)


def prove_async(nonce: str | None) -> str:
    client = AsyncBrokerClient()
    return asyncio.run(client.dpop_proof(TOKEN, "GET", API, nonce=nonce))


each = pytest.mark.parametrize("proof", [prove, prove_async], ids=["sync", "async"])


@each
def test_a_proof_is_asked_for_by_the_hash_of_the_token(
    runtime: Path, proof: Prove
) -> None:
    reply = http(200, {"proof": "eyJ.a.b", "account": "work"})
    with FakeBroker(runtime / "broker.sock", in_turn(reply, reply)) as broker:
        assert proof(None) == "eyJ.a.b"
        proof("n-1")

    body = {
        "account": "work",
        "method": "GET",
        "url": API,
        "access_token_sha256": hashlib.sha256(b"tok-1").hexdigest(),
    }
    assert broker.requests[0].target == "/v1/dpop-proof"
    assert [r.json for r in broker.requests] == [body, {**body, "nonce": "n-1"}]


@each
@pytest.mark.parametrize("said", [None, "", 7, "a\r\nX: y", "\u00f6"])
def test_what_can_be_no_header_is_no_proof(
    runtime: Path, proof: Prove, said: object
) -> None:
    reply = http(200, {"proof": said, "account": "work"})
    with (
        FakeBroker(runtime / "broker.sock", in_turn(reply)),
        pytest.raises(BrokerError) as caught,
    ):
        proof(None)
    assert caught.value.code == "reply_malformed"


@pytest.mark.parametrize(
    "challenge",
    [
        'DPoP error="use_dpop_nonce", error_description="x"',
        'Bearer realm="x", DPoP algs="ES256", error="use_dpop_nonce"',
        "dpop error=use_dpop_nonce",
    ],
)
def test_rfc9449_section_9_what_asks_for_a_nonce(challenge: str) -> None:
    assert wants_nonce({"WWW-Authenticate": challenge})


@pytest.mark.parametrize(
    "challenge", ['DPoP error="invalid_token"', 'Bearer error="use_dpop_nonce"', ""]
)
def test_what_does_not_ask_for_a_nonce(challenge: str) -> None:
    assert not wants_nonce({"WWW-Authenticate": challenge})
    assert not wants_nonce({})


def test_rfc9449_section_8_2_the_last_nonce_of_an_origin_counts() -> None:
    nonces = Nonces()
    nonces.heard(API, {"DPoP-Nonce": "n-1"})
    nonces.heard("https://api.example:443/", {"DPoP-Nonce": "n-2"})
    nonces.heard(API, {})
    assert nonces.find(API) == "n-2"
    assert nonces.find("https://other.example/") is None


@pytest.mark.parametrize("nonce", ["a b", 'a"b', "a\\b", "\u00f6", "x" * 1025])
def test_what_can_be_no_nonce_is_passed_over(nonce: str) -> None:
    nonces = Nonces()
    nonces.heard(API, {"DPoP-Nonce": nonce})
    assert nonces.find(API) is None
