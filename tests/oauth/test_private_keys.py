"""Private keys, from whatever file a person has them in."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509 import load_pem_x509_certificate
from joserfc.jwk import ECKey, OctKey, OKPKey

from broker.model.errors import CredentialFileError
from broker.model.secret import Secret
from broker.oauth.assertions import signed_jwt
from broker.oauth.private_keys import fitted, is_encrypted_pem, parse_private_key
from tests.contracts.certificates import Authority
from tests.oauth.keys import ed25519, p256, pem, read_jwt, rsa

ISSUER = "https://issuer.example"


def parsed(text: str, passphrase: str | None = None, key_id: str | None = None) -> str:
    """The JWK."""
    secret = None if passphrase is None else Secret(passphrase)
    key = parse_private_key(Secret(text), passphrase=secret, key_id=key_id)
    return key.jwk.reveal()


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [
        (rsa, "RS256"),
        (p256, "ES256"),
        (lambda: ECKey.generate_key("P-384"), "ES384"),
        (lambda: ECKey.generate_key("P-521"), "ES512"),
        (ed25519, "EdDSA"),
    ],
)
def test_a_key_signs_whether_it_comes_as_pem_or_as_jwk(
    make: object, algorithm: str
) -> None:
    key = make()  # type: ignore[operator]
    for text in (pem(key), json.dumps(key.as_dict(private=True))):
        read = parse_private_key(Secret(text))
        assert read.algorithm == algorithm
        assert read_jwt(signed_jwt(read, {"a": 1}), read)[1] == {"a": 1}


def test_an_encrypted_pem_opens_with_its_passphrase() -> None:
    sealed = pem(rsa(), "open sesame")
    assert is_encrypted_pem(sealed)
    assert json.loads(parsed(sealed, "open sesame")) == json.loads(parsed(pem(rsa())))


def test_what_the_issuer_calls_the_key_is_in_the_header() -> None:
    members = p256().as_dict(private=True)
    own = parse_private_key(Secret(json.dumps({**members, "kid": "own"})))
    assert read_jwt(signed_jwt(own, {}), own)[0]["kid"] == "own"
    named = parse_private_key(Secret(pem(p256())), key_id="named")
    assert read_jwt(signed_jwt(named, {}), named)[0]["kid"] == "named"


def test_a_set_of_one_key_is_that_key() -> None:
    members = p256().as_dict(private=True)
    text = json.dumps({"keys": [{**members, "use": "sig", "key_ops": ["sign"]}]})
    assert json.loads(parsed(text))["d"] == members["d"]


def test_the_certificate_beside_a_key_is_named_in_the_header(tmp_path: Path) -> None:
    path = Authority(tmp_path).pair("robot", "robot.pem")
    key, end, certificate = path.read_text().partition("-----END PRIVATE KEY-----\n")
    digest = load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256())
    for text in (path.read_text(), certificate + key + end):
        read = parse_private_key(Secret(text))
        said = read_jwt(signed_jwt(read, {}), read)[0]["x5t#S256"]
        assert said == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def a_small_key() -> str:
    key = generate_private_key(65537, 1024)  # noqa: S505 - that is what it is for
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


PUBLIC = p256().as_pem(private=False).decode()
MEMBERS = p256().as_dict(private=True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "neither a PEM nor a JWK"),
        ("hello", "neither a PEM nor a JWK"),
        (PUBLIC, "a public key alone, not a private key"),
        (PUBLIC.replace("PUBLIC KEY", "CERTIFICATE"), "a certificate alone"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3B\n", "OpenSSH's own format"),
        ("-----BEGIN PRIVATE KEY-----\n", "damaged"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "damaged"),
        (pem(p256())[:-40], "damaged"),
        (pem(p256(), "sesame"), "is encrypted, and no passphrase was given"),
        (a_small_key(), "1024 bits"),
        (pem(ECKey.generate_key("secp256k1")), "of its kind"),
        (pem(OKPKey.generate_key("X25519")), "of its kind"),
        ("{", "no JWK: not JSON"),
        ("{" * 100_000, "no JWK: "),
        ("{}", "no JWK"),
        ('{"keys": []}', "a set of 0 keys"),
        (json.dumps(p256().as_dict(private=False)), "a public key"),
        (json.dumps(OctKey.generate_key().as_dict(private=True)), "a shared secret"),
        (json.dumps({**MEMBERS, "d": "!"}), "no key"),
        (json.dumps({"kty": "magic"}), "no key"),
        (json.dumps({**rsa().as_dict(private=True), "n": "AQAB"}), "fewer than 2048"),
        (json.dumps({**MEMBERS, "alg": "RS256"}), "no key for RS256"),
    ],
)
def test_what_is_no_key_that_can_sign_is_told_in_one_sentence(
    text: str, what: str
) -> None:
    with pytest.raises(CredentialFileError) as raised:
        parse_private_key(Secret(text))
    assert what in raised.value.what
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    assert "\n" not in raised.value.what


def test_another_passphrase_is_told_as_such() -> None:
    with pytest.raises(CredentialFileError, match="passphrase is another one"):
        parsed(pem(p256(), "sesame"), "open")


def test_the_algorithm_is_one_that_the_issuer_takes() -> None:
    key = parse_private_key(Secret(pem(rsa())))
    assert fitted(key, (), ISSUER).algorithm == "RS256"
    assert fitted(key, ("ES256", "PS256"), ISSUER).algorithm == "PS256"
    with pytest.raises(CredentialFileError, match=r"issuer\.example takes ES256"):
        fitted(key, ("ES256",), ISSUER)


def test_a_key_that_names_its_algorithm_signs_with_no_other() -> None:
    members = {**rsa().as_dict(private=True), "alg": "PS256"}
    key = parse_private_key(Secret(json.dumps(members)))
    assert key.algorithm == "PS256"
    with pytest.raises(CredentialFileError):
        fitted(key, ("RS256",), ISSUER)


def test_a_key_is_in_no_repr() -> None:
    assert str(MEMBERS["d"]) not in repr(parse_private_key(Secret(json.dumps(MEMBERS))))
