import hashlib
import json

from tests.control.conftest import Listen, Run
from tests.fakes.broker import http, in_turn, problem_reply, token_reply

BOUND = token_reply("tok-1", token_type="DPoP")
PROOF = http(200, {"proof": "eyJ.a.b", "account": "work"})
URL = "https://api.example/files?x=1"


def test_both_headers_of_a_request_are_printed_as_curl_reads_them(
    run: Run, listen: Listen
) -> None:
    broker = listen(in_turn(BOUND, PROOF))
    said = run("dpop-proof", "work", "get", URL, "--scope", "drive", "--nonce", "n-1")
    assert said.exit_code == 0
    assert said.stdout == "Authorization: DPoP tok-1\nDPoP: eyJ.a.b\n"
    token, proof = (request.json for request in broker.requests)
    assert (token["account"], token["scopes"]) == ("work", ["drive"])
    assert proof == {
        "account": "work",
        "method": "GET",
        "url": URL,
        "access_token_sha256": hashlib.sha256(b"tok-1").hexdigest(),
        "nonce": "n-1",
    }


def test_json_has_token_and_proof(run: Run, listen: Listen) -> None:
    listen(in_turn(BOUND, PROOF))
    said = run("dpop-proof", "work", "GET", URL, "--json")
    assert json.loads(said.stdout) == {
        "account": "work",
        "access_token": "tok-1",
        "token_type": "DPoP",
        "expires_at": 4102444800.0,
        "proof": "eyJ.a.b",
    }


def test_tokens_that_are_not_bound_are_the_brokers_own_error(
    run: Run, listen: Listen
) -> None:
    listen(in_turn(token_reply("tok-1"), problem_reply(400, "bad_request")))
    said = run("dpop-proof", "work", "GET", URL)
    assert said.exit_code == 2
    assert "tok-1" not in said.output
    assert "the sentence of bad_request" in said.stderr
