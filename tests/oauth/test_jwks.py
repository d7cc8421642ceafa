import base64
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey

from broker.model.errors import IssuerMalformedError
from broker.model.http import HttpResponse
from broker.oauth.jwks import (
    LEAST_FRESH,
    MAX_KEY_SET_BYTES,
    MAX_KEYS,
    MOST_FRESH,
    USUALLY_FRESH,
    KeySet,
    fresh_for,
    keys_request,
    parse_key_set,
)
from tests.fakes.signer import Signer, key_set

SIGNER = Signer()
RSA = RSAKey.generate_key(2048)
PUBLIC_RSA = RSA.as_dict(private=False)


def parse(document: object) -> KeySet:
    return parse_key_set(json.dumps(document).encode(), issuer="https://issuer.example")


def number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_keys_of_a_set_are_found_by_name_and_algorithm() -> None:
    keys = parse(key_set(SIGNER, Signer("key-2")))
    assert [key.kid for key in keys.candidates("key-2", "ES256")] == ["key-2"]
    assert len(keys.candidates(None, "ES256")) == 2
    assert keys.candidates("key-3", "ES256") == ()
    assert keys.candidates("key-1", "RS256") == ()
    assert keys.passed_over == 0


def test_a_key_without_a_name_may_be_any() -> None:
    nameless = {k: v for k, v in SIGNER.jwk.items() if k != "kid"}
    assert len(parse({"keys": [nameless]}).candidates("key-9", "ES256")) == 1


def test_an_rsa_key_that_names_no_algorithm_is_for_all_of_its_kind() -> None:
    keys = parse({"keys": [PUBLIC_RSA]})
    assert keys.keys[0].algorithms == {
        *("RS256", "RS384", "RS512"),
        *("PS256", "PS384", "PS512"),
    }
    named = parse({"keys": [{**PUBLIC_RSA, "alg": "PS256"}]})
    assert named.keys[0].algorithms == {"PS256"}


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(RSA.as_dict(private=True), id="private"),
        pytest.param({**PUBLIC_RSA, "d": "AQAB"}, id="half private"),
        pytest.param(OctKey.generate_key(256).as_dict(private=True), id="symmetric"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "alg": "RS256"}, id="disguised"),
        pytest.param({**PUBLIC_RSA, "use": "enc"}, id="for encryption"),
        pytest.param({**PUBLIC_RSA, "key_ops": ["wrapKey"]}, id="for wrapping"),
        pytest.param({**PUBLIC_RSA, "key_ops": "verify"}, id="ops that are no list"),
        pytest.param({**PUBLIC_RSA, "alg": "HS256"}, id="of another algorithm"),
        pytest.param({**PUBLIC_RSA, "alg": "RSA-OAEP"}, id="for encryption, by alg"),
        pytest.param({**PUBLIC_RSA, "alg": 1}, id="alg is no text"),
        pytest.param({**PUBLIC_RSA, "kid": 1}, id="kid is no text"),
        pytest.param({**PUBLIC_RSA, "n": number((1 << 1023) | 1)}, id="too short"),
        pytest.param({**PUBLIC_RSA, "n": number((1 << 9000) | 1)}, id="too long"),
        pytest.param({**PUBLIC_RSA, "n": number(1 << 2047)}, id="an even modulus"),
        pytest.param({**PUBLIC_RSA, "e": number(1)}, id="exponent 1"),
        pytest.param({**PUBLIC_RSA, "e": number((1 << 64) | 1)}, id="a slow exponent"),
        pytest.param({**PUBLIC_RSA, "n": "!"}, id="no base64"),
        pytest.param({**PUBLIC_RSA, "n": "\u00e9"}, id="no ASCII"),
        pytest.param({**PUBLIC_RSA, "n": 5}, id="n is no text"),
        pytest.param({"kty": "RSA"}, id="without numbers"),
        pytest.param(
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, id="no point"
        ),
        pytest.param({**SIGNER.jwk, "crv": "secp256k1"}, id="a curve not taken"),
        pytest.param({**SIGNER.jwk, "crv": "P-384"}, id="of another curve"),
        pytest.param({"kty": "OKP", "crv": "X25519", "x": "AA"}, id="for agreement"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": "AA"}, id="too few bytes"),
        pytest.param({"kty": ["RSA"]}, id="kty is no text"),
        pytest.param({}, id="nothing"),
        pytest.param("key", id="no object"),
        pytest.param(None, id="null"),
    ],
)
def test_rfc7517_section_5_a_key_of_no_use_is_passed_over(jwk: object) -> None:
    keys = parse({"keys": [jwk, SIGNER.jwk]})
    assert [key.kid for key in keys.keys] == ["key-1"]
    assert keys.passed_over == 1


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "not JSON"),
        (b"<html>", "a web page"),
        (b"[]", "not a JSON object"),
        (b"{}", "'keys' is not an array"),
        (b'{"keys": {}}', "'keys' is not an array"),
        (b'{"keys": [], "keys": []}', "twice"),
        (b'{"keys": [' + b"{}," * MAX_KEYS + b"{}]}", "more than 64 keys"),
        (b" " * MAX_KEY_SET_BYTES + b"{}", "more than 262144 bytes"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_what_is_no_key_set_is_refused(body: bytes, fault: str) -> None:
    with pytest.raises(IssuerMalformedError, match=fault):
        parse_key_set(body, issuer="https://issuer.example")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
members = st.sampled_from([*sorted(SIGNER.jwk), "n", "e", "key_ops", "d"])


@given(st.dictionaries(members, json_values), st.sampled_from(["RSA", "EC", "OKP"]))
def test_any_key_is_taken_or_passed_over(
    changes: Mapping[str, object], kind: str
) -> None:
    keys = parse({"keys": [{**SIGNER.jwk, **PUBLIC_RSA, "kty": kind, **changes}]})
    assert len(keys.keys) + keys.passed_over == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, USUALLY_FRESH),
        ({"cache-control": "public, max-age=20000, must-revalidate"}, 20_000),
        ({"cache-control": "max-age=20000", "age": "5000"}, 15_000),
        ({"cache-control": 'MAX-AGE="600"'}, 600),
        ({"cache-control": "max-age=1"}, LEAST_FRESH),
        ({"cache-control": "max-age=600", "age": "599"}, LEAST_FRESH),
        ({"cache-control": "max-age=9999999999"}, MOST_FRESH),
        ({"cache-control": "no-store"}, LEAST_FRESH),
        ({"cache-control": "no-cache, max-age=9000"}, LEAST_FRESH),
        ({"cache-control": "x-max-age=9000"}, USUALLY_FRESH),
        ({"cache-control": "max-age=-5"}, USUALLY_FRESH),
        ({"cache-control": "max-age=600", "age": "old"}, 600),
    ],
)
def test_rfc9111_a_set_is_kept_for_as_long_as_it_says_within_bounds(
    headers: dict[str, str], seconds: float
) -> None:
    assert fresh_for(HttpResponse(status=200, headers=headers)) == seconds


def test_the_request_asks_for_a_key_set() -> None:
    request = keys_request("https://issuer.example/jwks")
    assert (request.method, request.url) == ("GET", "https://issuer.example/jwks")
    assert "application/jwk-set+json" in request.headers["Accept"]
