"""Key pairs for the tests of what is signed, and what issuers read of it.

Made once for a run: an RSA key takes a tenth of a second.
"""

import json
import warnings
from functools import cache

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from broker.model.client import SigningKey
from broker.model.secret import Secret
from broker.oauth.private_keys import parse_private_key


@cache
def rsa() -> RSAKey:
    """2048 bits."""
    return RSAKey.generate_key(2048)


@cache
def p256() -> ECKey:
    """For ES256."""
    return ECKey.generate_key("P-256")


@cache
def ed25519() -> OKPKey:
    """For EdDSA."""
    return OKPKey.generate_key("Ed25519")


def pem(key: RSAKey | ECKey | OKPKey, passphrase: str | None = None) -> str:
    """PKCS #8, as openssl writes it."""
    return key.as_pem(private=True, password=passphrase).decode()


def signing_key(key_id: str | None = "key-1") -> SigningKey:
    """An EC key, as `brokerctl add` would hand it over."""
    return parse_private_key(Secret(pem(p256())), key_id=key_id)


Json = dict[str, object]


def read_jwt(token: str, key: SigningKey) -> tuple[Json, Json]:
    """Header and claims of a JWT whose signature is good by the public key."""
    members = import_key(json.loads(key.jwk.reveal())).as_dict(private=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has a newer name
        signed = jws.deserialize_compact(token, import_key(members), [key.algorithm])
    return dict(signed.headers()), json.loads(signed.payload)
