"""Proofs of possession, read as an API reads them."""

import hashlib
import json

import pytest

from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.oauth.dpop import (
    check_request,
    dpop_key,
    given_nonce,
    proof,
    proven,
    proven_url,
    server_of,
    thumbprint,
    wants_nonce,
)
from tests.fakes.proofs import read_proof

KEY = dpop_key(bytes(range(32)))
AT = UnixTime(1_800_000_000.75)
URL = "https://api.example/files?pageSize=10#top"

# The key and the thumbprint of RFC 9449, sections 4.1 and 6.1.
RFC_9449_KEY = Secret(
    json.dumps(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        }
    )
)
RFC_9449_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def made(**changes: object) -> str:
    words = {"key": KEY, "method": "GET", "url": URL, "at": AT, "random": bytes(16)}
    return proof(**words | changes)  # type: ignore[arg-type]


def test_rfc9449_section_4_2_a_proof_has_what_the_section_lists_and_no_more() -> None:
    header, claims = read_proof(made())
    assert header.keys() == {"typ", "alg", "jwk"}
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert claims == {
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "htm": "GET",
        "htu": "https://api.example/files",
        "iat": 1_800_000_000,
    }


def test_rfc9449_section_4_2_the_key_in_a_proof_is_its_public_half_alone() -> None:
    header, _ = read_proof(made())
    jwk, private = header["jwk"], json.loads(KEY.reveal())
    assert jwk == {name: private[name] for name in ("kty", "crv", "x", "y")}
    assert private["d"] not in made()


def test_rfc9449_section_4_2_with_a_token_the_proof_has_its_hash() -> None:
    token = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    _, claims = read_proof(made(token_digest=hashlib.sha256(token).hexdigest()))
    assert claims["ath"] == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


def test_rfc9449_section_8_a_nonce_that_was_given_is_in_the_proof() -> None:
    _, claims = read_proof(made(nonce="eyJ7S_zG.eyJH0-Z.HX4w-7v"))
    assert claims["nonce"] == "eyJ7S_zG.eyJH0-Z.HX4w-7v"


def test_rfc9449_section_11_1_other_random_bytes_are_another_proof() -> None:
    ids = {str(read_proof(made(random=bytes([n] * 16)))[1]["jti"]) for n in range(5)}
    assert len(ids) == 5


def test_rfc7638_the_thumbprint_is_that_of_the_key_in_rfc9449() -> None:
    assert thumbprint(RFC_9449_KEY) == RFC_9449_THUMBPRINT


def test_the_same_random_bytes_are_the_same_key_and_others_another() -> None:
    assert dpop_key(bytes(range(32))) == KEY
    assert dpop_key(bytes(32)) != KEY


@pytest.mark.parametrize("count", [0, 31, 33])
def test_a_key_is_not_made_of_too_few_or_too_many_bytes(count: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        dpop_key(bytes(count))


def test_a_request_with_a_key_leaves_with_a_proof_and_without_the_key() -> None:
    request = HttpRequest(
        method="POST", url="https://i.example/token", headers={"A": "b"}, dpop_key=KEY
    )
    sent = proven(request, at=AT, random=bytes(16), nonce="n-1")
    assert sent.dpop_key is None
    assert sent.headers["A"] == "b"
    _, claims = read_proof(sent.headers["DPoP"])
    assert (claims["htm"], claims["htu"]) == ("POST", "https://i.example/token")
    assert claims["nonce"] == "n-1"
    assert "ath" not in claims


def test_a_request_without_a_key_leaves_as_it_is() -> None:
    request = HttpRequest(method="GET", url="https://i.example/")
    assert proven(request, at=AT, random=bytes(16), nonce=None) is request


@pytest.mark.parametrize(
    ("url", "htu"),
    [
        ("https://a.example/x?y=/z", "https://a.example/x"),
        ("https://a.example/x#y?z", "https://a.example/x"),
        ("https://a.example", "https://a.example/"),
        ("https://a.example?x=/", "https://a.example/"),
        ("https://a.example/", "https://a.example/"),
    ],
)
def test_rfc9449_section_4_2_htu_has_neither_query_nor_fragment(
    url: str, htu: str
) -> None:
    assert proven_url(url) == htu


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("", "https://a.example/"),
        ("GET /", "https://a.example/"),
        ("G\r\nX", "https://a.example/"),
        ("GET", "http://a.example/"),
        ("GET", "https://me@a.example/"),
        ("GET", "https://a.example/a b"),
        ("GET", "javascript:alert(1)"),
        ("GET", ""),
    ],
)
def test_no_proof_is_made_for_what_no_token_may_be_sent_to(
    method: str, url: str
) -> None:
    with pytest.raises(BadRequestError):
        check_request(method, url)


@pytest.mark.parametrize("url", ["https://a.example/x?q", "http://127.0.0.1:8080/x#y"])
def test_a_proof_may_be_had_for_https_and_for_this_machine(url: str) -> None:
    check_request("PATCH", url)


def test_a_server_is_the_same_however_its_url_is_spelt() -> None:
    assert server_of("https://A.example/x") == server_of("https://a.example:443/y?z")
    assert server_of("https://a.example/") != server_of("https://a.example:444/")


@pytest.mark.parametrize(
    ("value", "nonce"),
    [
        ("n-1", "n-1"),
        (None, None),
        ("", None),
        ("two, of them", None),
        ('a"b', None),
        ("x" * 1025, None),
    ],
)
def test_rfc9449_section_8_1_only_what_can_be_a_nonce_is_one(
    value: str | None, nonce: str | None
) -> None:
    assert given_nonce({} if value is None else {"dpop-nonce": value}) == nonce


@pytest.mark.parametrize("status", [400, 401])
def test_rfc9449_section_8_what_asks_for_a_nonce(status: int) -> None:
    body = b'{"error": "use_dpop_nonce"}'
    assert wants_nonce(HttpResponse(status=status, body=body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error": "invalid_grant"}'),
        (400, b"<html>"),
        (400, b"[]"),
        (200, b'{"error": "use_dpop_nonce"}'),
        (503, b'{"error": "use_dpop_nonce"}'),
    ],
)
def test_what_does_not_ask_for_a_nonce(status: int, body: bytes) -> None:
    assert not wants_nonce(HttpResponse(status=status, body=body))
