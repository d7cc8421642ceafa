"""Forged ID tokens, as data: each is refused, and for its own reason."""

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OKPKey
from msgspec.structs import replace

from broker.model.errors import IssuerMalformedError
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.oauth.compact import parse_compact
from broker.oauth.id_token import IdClaims, parse_id_token
from broker.oauth.jwks import ALGORITHMS, parse_key_set
from broker.oauth.signature import (
    Verdict,
    fault,
    parse_header,
    taken_algorithms,
    verdict,
)
from tests.fakes.signer import Signer, key_set, signed
from tests.oauth.values import ISSUER

CORPUS = json.loads(
    (Path(__file__).parents[1] / "vectors/forged_id_tokens.json").read_text()
)
OF_CORPUS = replace(ISSUER, url=CORPUS["issuer"])
KEYS = parse_key_set(json.dumps({"keys": CORPUS["keys"]}).encode(), issuer="x")
SIGNER = Signer()


def named(entries: list[dict[str, str]]) -> list[object]:
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


def verified(entry: dict[str, str], issuer: Issuer = OF_CORPUS) -> IdClaims:
    token = Secret(entry["token"] + "A" * int(entry.get("fill", 0)))
    claims = parse_id_token(
        token,
        issuer=issuer,
        client_id=CORPUS["client_id"],
        nonce=Secret(CORPUS["nonce"]),
        access_token=Secret("access-1"),
        now=UnixTime(CORPUS["now"]),
    )
    compact = parse_compact(token, issuer=issuer.url)
    found = verdict(compact, parse_header(compact, issuer), KEYS)
    if found is not Verdict.RIGHT:
        raise fault(compact, found)
    return claims


@pytest.mark.parametrize("entry", named(CORPUS["good"]))
def test_a_token_that_the_issuer_signed_is_taken(entry: dict[str, str]) -> None:
    assert verified(entry).subject == "person-1"


@pytest.mark.parametrize("entry", named(CORPUS["forged"]))
def test_a_forged_token_is_refused_for_its_own_reason(entry: dict[str, str]) -> None:
    with pytest.raises(IssuerMalformedError) as caught:
        verified(entry)
    assert entry["why"] in caught.value.what


def test_what_the_issuer_says_that_it_signs_with_narrows_what_is_taken() -> None:
    issuer = replace(OF_CORPUS, id_token_algorithms=("ES256", "HS256", "none"))
    assert taken_algorithms(issuer) == {"ES256"}
    right = {entry["name"]: entry for entry in CORPUS["good"]}
    assert verified(right["ES256"], issuer).subject == "person-1"
    with pytest.raises(IssuerMalformedError, match="not taken"):
        verified(right["RS256"], issuer)


def test_an_issuer_that_does_not_say_gets_all_that_is_safe() -> None:
    assert taken_algorithms(OF_CORPUS) == ALGORITHMS
    assert not any(name.startswith("HS") or name == "none" for name in ALGORITHMS)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES384", ECKey.generate_key("P-384")),
        ("ES512", ECKey.generate_key("P-521")),
        ("EdDSA", OKPKey.generate_key("Ed25519")),
        ("Ed25519", OKPKey.generate_key("Ed25519")),
        ("EdDSA", OKPKey.generate_key("Ed448")),
    ],
)
def test_every_curve_that_is_taken_can_be_checked(
    algorithm: str, key: ECKey | OKPKey
) -> None:
    text = signed({"sub": "person-1"}, key, alg=algorithm)
    published = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    keys = parse_key_set(published, issuer="x")
    compact = parse_compact(Secret(text), issuer=ISSUER.url)
    assert verdict(compact, parse_header(compact, ISSUER), keys) is Verdict.RIGHT


def test_two_keys_of_one_name_are_both_tried() -> None:
    other = {**Signer("key-2").jwk, "kid": SIGNER.kid}
    published = json.dumps({"keys": [other, SIGNER.jwk]}).encode()
    keys = parse_key_set(published, issuer="x")
    compact = parse_compact(SIGNER.secret({"sub": "a"}), issuer=ISSUER.url)
    assert verdict(compact, parse_header(compact, ISSUER), keys) is Verdict.RIGHT


def test_nothing_is_right_without_keys() -> None:
    keys = parse_key_set(json.dumps(key_set()).encode(), issuer="x")
    compact = parse_compact(SIGNER.secret({"sub": "a"}), issuer=ISSUER.url)
    assert verdict(compact, parse_header(compact, ISSUER), keys) is Verdict.NO_KEY
