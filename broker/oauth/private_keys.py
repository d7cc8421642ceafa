"""Private keys of the person's, read from a PEM or a JWK. Knows no file.

A message never quotes what it read, and no exception of a library is kept: it may.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from broker.model.client import SigningKey
from broker.model.errors import CredentialFileError
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.text import safe_text

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

LEAST_RSA_BITS = 2048
"""RFC 7518 section 3.3."""

_LEAST_RSA_CHARACTERS = -(-LEAST_RSA_BITS // 6)
"""Of a modulus in base64url. joserfc warns of a smaller one, and takes it."""

_ALGORITHMS = {
    "RSA": ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),  # RFC 8037; RFC 9864 names it by its curve
}
"""By the kind of a key: what it can sign with, the best known first."""

_SAID = ("kid", "alg", "x5t#S256")
"""Members of a JWK that are kept beside the key itself."""


def parse_private_key(
    text: Secret, *, passphrase: Secret | None = None, key_id: str | None = None
) -> SigningKey:
    """The key, with the algorithm that is best known for it.

    Args:
        text: a PEM (PKCS #8, PKCS #1 or SEC 1), with its certificate beside it or not;
            or a JWK, or a set that holds one.
        passphrase: of an encrypted PEM, or None.
        key_id: what the issuer calls it, where the text does not say so.

    Raises:
        CredentialFileError: it cannot be used.
    """
    plain = text.reveal().strip()
    if plain.startswith("{"):
        key, said = _of_json(plain)
    else:
        key, said = _of_pem(plain, passphrase)
    if key_id is not None:
        said["kid"] = key_id
    able = _able(key)
    named = said.get("alg")
    if named is not None and named not in able:
        raise CredentialFileError(what=f"it is no key for {safe_text(str(named))}")
    jwk = {**key.as_dict(private=True), **said}
    return SigningKey(jwk=Secret(json.dumps(jwk)), algorithm=str(named or able[0]))


def fitted(key: SigningKey, offered: Sequence[str], issuer: str) -> SigningKey:
    """The key with an algorithm that its issuer takes.

    Args:
        key: from `parse_private_key`.
        offered: what the issuer says that it takes; empty where it does not say.
        issuer: the issuer URL.

    Raises:
        CredentialFileError: it takes none that this key has.
    """
    if not offered:
        return key
    members = json.loads(key.jwk.reveal())
    able = (members["alg"],) if "alg" in members else _ALGORITHMS[_kind(members)]
    for algorithm in able:
        if algorithm in offered:
            return msgspec.structs.replace(key, algorithm=algorithm)
    taken = safe_text(", ".join(offered))
    raise CredentialFileError(
        what=f"it signs with {' or '.join(able)}, and {issuer} takes {taken}"
    )


def _of_json(plain: str) -> tuple["RSAKey | ECKey | OKPKey", dict[str, str]]:
    from joserfc.errors import JoseError  # noqa: PLC0415 - see id_token
    from joserfc.jwk import OctKey, import_key  # noqa: PLC0415 - as above

    members = _members(plain)
    if members["kty"] == "RSA" and len(members.get("n", "")) < _LEAST_RSA_CHARACTERS:
        raise CredentialFileError(what=f"it has fewer than {LEAST_RSA_BITS} bits")
    try:
        # By its private half alone: what else stands there could restrict its use.
        wanted = {k: v for k, v in members.items() if k not in ("use", "key_ops")}
        key = import_key(wanted)
    except (JoseError, ValueError, TypeError, KeyError):
        raise CredentialFileError(what="its JWK is no key") from None
    if isinstance(key, OctKey):
        raise CredentialFileError(what="it is a shared secret, and no key pair")
    if not key.is_private:
        raise CredentialFileError(what="it holds a public key, not the private one")
    said = {k: v for k in _SAID if isinstance(v := members.get(k), str)}
    return _imported(key.private_key), said


def _members(plain: str) -> dict[str, str | list[str]]:
    try:
        value = parse_json(plain.encode())
    except ValueError as exc:
        raise CredentialFileError(what=f"it is no JWK: {exc}") from None
    keys = value.get("keys") if isinstance(value, dict) else None
    if isinstance(keys, list):
        if len(keys) != 1:
            raise CredentialFileError(what=f"it is a set of {len(keys)} keys: name one")
        value = keys[0]
    if not isinstance(value, dict) or "kty" not in value:
        raise CredentialFileError(what="it is JSON, but no JWK")
    return {name: member for name, member in value.items() if isinstance(member, str)}


def _of_pem(
    plain: str, passphrase: Secret | None
) -> tuple["RSAKey | ECKey | OKPKey", dict[str, str]]:
    from cryptography.exceptions import (  # noqa: PLC0415 - few daemons need it
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
    )

    fault = _pem_fault(plain, passphrase)
    if fault is not None:
        raise CredentialFileError(what=fault)
    is_sealed = is_encrypted_pem(plain)
    password = passphrase.reveal().encode() if passphrase and is_sealed else None
    try:
        key = load_pem_private_key(_block(plain, "PRIVATE KEY").encode(), password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = "its passphrase is another one" if is_sealed else "its PEM is damaged"
        raise CredentialFileError(what=what) from None
    return _imported(key), _certified(plain)


def is_encrypted_pem(plain: str) -> bool:
    """Whether a passphrase is needed."""
    return "BEGIN ENCRYPTED PRIVATE KEY" in plain or "Proc-Type: 4,ENCRYPTED" in plain


def _pem_fault(plain: str, passphrase: Secret | None) -> str | None:
    if "BEGIN OPENSSH PRIVATE KEY" in plain:
        return "it is in OpenSSH's own format; `ssh-keygen -p -m PKCS8` changes that"
    if "PRIVATE KEY-----" not in plain:
        held = [w for w in ("PUBLIC KEY", "CERTIFICATE") if f"{w}-----" in plain]
        what = f"a {held[0].lower()} alone" if held else "neither a PEM nor a JWK"
        return f"it holds {what}, not a private key" if held else f"it is {what}"
    if is_encrypted_pem(plain) and passphrase is None:
        return "it is encrypted, and no passphrase was given"
    return None


def _block(plain: str, label: str) -> str:
    """The first block whose label ends so, whatever stands before and after it.

    Empty where there is none that is whole.
    """
    head = rf"^-----BEGIN (?:[A-Z0-9]+ )*{label}-----"
    found = re.search(rf"{head}.*?^-----END [^\n]*", plain, re.DOTALL | re.MULTILINE)
    return found[0] + "\n" if found else ""


def _certified(plain: str) -> dict[str, str]:
    """The thumbprint of the certificate beside the key: Microsoft knows it by that."""
    if "BEGIN CERTIFICATE-----" not in plain:
        return {}
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - as above

    try:
        certificate = load_pem_x509_certificate(_block(plain, "CERTIFICATE").encode())
    except ValueError:
        raise CredentialFileError(what="the certificate beside it is damaged") from None
    digest = base64.urlsafe_b64encode(certificate.fingerprint(SHA256()))
    return {"x5t#S256": digest.rstrip(b"=").decode()}


def _imported(key: object) -> "RSAKey | ECKey | OKPKey":
    """A key of cryptography's as one of joserfc's, if it can sign JWTs."""
    from cryptography.hazmat.primitives.asymmetric import (  # noqa: PLC0415 - as above
        ec,
        ed25519,
        rsa,
    )
    from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: PLC0415 - as above

    match key:
        case rsa.RSAPrivateKey():
            if key.key_size < LEAST_RSA_BITS:
                what = f"it has {key.key_size} bits, and {LEAST_RSA_BITS} are needed"
                raise CredentialFileError(what=what)
            return RSAKey.import_key(key)
        case ec.EllipticCurvePrivateKey() if key.curve.name in _CURVES:
            return ECKey.import_key(key)
        case ed25519.Ed25519PrivateKey():
            return OKPKey.import_key(key)
    raise CredentialFileError(what="no JWT is signed with a key of its kind")


_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def _able(key: "RSAKey | ECKey | OKPKey") -> tuple[str, ...]:
    return _ALGORITHMS[_kind(key.as_dict(private=False))]


def _kind(members: Mapping[str, object]) -> str:
    return "RSA" if members["kty"] == "RSA" else str(members["crv"])
