"""Bound tokens (RFC 9449) by the adapters: a proof for each request, and nonces."""

import hashlib
from pathlib import Path

from tests.client.test_adapters import Fetch, fetch, path
from tests.fakes.api import Call, FakeApi, Said, accepts
from tests.fakes.broker import FakeBroker, Received, http, in_turn, token_reply

__all__ = ["fetch", "path"]


class BoundBroker:
    """Gives bound tokens, and proofs in which one can read what they are for."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)

    def __call__(self, received: Received) -> bytes:
        if received.target == "/v1/token":
            token = self._tokens[0] if len(self._tokens) == 1 else self._tokens.pop(0)
            return token_reply(token, token_type="DPoP")
        asked = received.json
        digest = str(asked["access_token_sha256"])
        words = (asked["method"], asked["url"], digest[:8], asked.get("nonce", "-"))
        return http(200, {"proof": " ".join(map(str, words)), "account": "work"})


def is_proven(call: Call, api: FakeApi, token: str, nonce: str = "-") -> bool:
    """Whether a call carries the token, and the proof that is for it."""
    digest = hashlib.sha256(token.encode()).hexdigest()[:8]
    wanted = f"{call.method} {api.origin}{call.path} {digest} {nonce}"
    headers = call.headers
    return (headers["authorization"], headers["dpop"]) == (f"DPoP {token}", wanted)


WANTS_NONCE = Said(
    401,
    {},
    {
        "WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"',
        "DPoP-Nonce": "n-1",
    },
)


def test_rfc9449_section_7_a_bound_token_goes_with_a_proof_for_its_request(
    path: Path, fetch: Fetch
) -> None:
    with FakeBroker(path, BoundBroker("tok-1")), FakeApi(accepts("tok-1")) as api:
        status = fetch(f"{api.origin}/files?x=1", [api.origin], b"body")

    assert status == 200
    assert is_proven(api.calls[0], api, "tok-1")


def test_a_bearer_token_goes_without_a_proof(path: Path, fetch: Fetch) -> None:
    with (
        FakeBroker(path, in_turn(token_reply("tok-1"))),
        FakeApi(accepts("tok-1")) as api,
    ):
        fetch(api.origin, [api.origin], b"")

    assert "dpop" not in api.calls[0].headers


def test_rfc9449_section_9_an_api_that_wants_its_nonce_gets_it_and_the_same_token(
    path: Path, fetch: Fetch
) -> None:
    def answer(call: Call) -> Said:
        return Said(200) if call.headers["dpop"].endswith(" n-1") else WANTS_NONCE

    with FakeBroker(path, BoundBroker("tok-1")) as broker, FakeApi(answer) as api:
        status = fetch(f"{api.origin}/files", [api.origin], b"body")

    assert status == 200
    assert [call.body for call in api.calls] == [b"body", b"body"]
    assert is_proven(api.calls[1], api, "tok-1", "n-1")
    assert not any("rejected" in request.json for request in broker.requests)


def test_an_api_that_wants_a_nonce_again_has_given_its_answer(
    path: Path, fetch: Fetch
) -> None:
    with (
        FakeBroker(path, BoundBroker("tok-1")),
        FakeApi(lambda _: WANTS_NONCE) as api,
    ):
        assert fetch(api.origin, [api.origin], b"") == 401

    assert len(api.calls) == 2


def test_a_bound_token_that_is_refused_makes_place_for_a_newer_one_and_its_proof(
    path: Path, fetch: Fetch
) -> None:
    with (
        FakeBroker(path, BoundBroker("tok-1", "tok-2")) as broker,
        FakeApi(accepts("tok-2")) as api,
    ):
        status = fetch(f"{api.origin}/files", [api.origin], b"body")

    assert status == 200
    assert is_proven(api.calls[0], api, "tok-1")
    assert is_proven(api.calls[1], api, "tok-2")
    rejected = [request.json.get("rejected") for request in broker.requests]
    assert hashlib.sha256(b"tok-1").hexdigest() in rejected


def test_a_body_that_is_gone_is_not_sent_again_for_a_nonce(
    path: Path, fetch: Fetch
) -> None:
    with (
        FakeBroker(path, BoundBroker("tok-1")),
        FakeApi(lambda _: WANTS_NONCE) as api,
    ):
        assert fetch(api.origin, [api.origin], iter([b"on", b"ce"])) == 401

    assert len(api.calls) == 1


def test_where_a_redirect_leads_at_the_same_origin_the_proof_is_for_that_url(
    path: Path, fetch: Fetch
) -> None:
    def answer(call: Call) -> Said:
        if call.path == "/old":
            return Said(307, headers={"Location": "/new"})
        return Said(200 if is_proven(call, api, "tok-1") else 401)

    with FakeBroker(path, BoundBroker("tok-1")), FakeApi(answer) as api:
        status = fetch(f"{api.origin}/old", [api.origin], b"body")

    assert status == 200
    assert api.calls[-1].body == b"body"


def test_a_redirect_to_another_origin_goes_without_the_bound_token(
    path: Path, fetch: Fetch
) -> None:
    with FakeBroker(path, BoundBroker("tok-1")), FakeApi(accepts()) as evil:

        def send_away(_: Call) -> Said:
            return Said(307, headers={"Location": f"{evil.origin}/steal"})

        with FakeApi(send_away) as api:
            status = fetch(api.origin, [api.origin], b"body")

    assert status == 401
    assert [call.headers.get("authorization") for call in evil.calls] == [None]
