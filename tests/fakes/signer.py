"""An issuer's keys: signs ID tokens with joserfc, as it should or not."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.model.secret import Secret

_KEYS: dict[str, ECKey] = {}


def segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unsigned(header: object, claims: object, signature: bytes = b"signature") -> str:
    """A token with any header, and a signature that is none."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(segment(part) for part in parts)


@dataclass
class Signer:
    """One signing key, ES256, which is quick to make.

    Attributes:
        kid: its name; another name is another key.
    """

    kid: str = "key-1"
    key: ECKey = field(init=False)

    def __post_init__(self) -> None:
        if self.kid not in _KEYS:
            _KEYS[self.kid] = ECKey.generate_key("P-256")
        self.key = _KEYS[self.kid]

    @property
    def jwk(self) -> dict[str, object]:
        """Its public half."""
        public = self.key.as_dict(private=False)
        return {**public, "kid": self.kid, "use": "sig", "alg": "ES256"}

    def token(self, claims: Mapping[str, object], **header: object) -> str:
        """Signed."""
        return signed(claims, self.key, alg="ES256", kid=self.kid, **header)

    def secret(self, claims: Mapping[str, object]) -> Secret:
        """The same as a secret."""
        return Secret(self.token(claims))


def signed(
    claims: Mapping[str, object], key: RSAKey | ECKey | OKPKey, **header: object
) -> str:
    """Signed by any key, with any header; a member that is None is left out."""
    known = {name: value for name, value in header.items() if value is not None}
    algorithm = jws.JWSRegistry.algorithms[str(known["alg"])]
    head = (
        f"{segment(json.dumps(known).encode())}.{segment(json.dumps(claims).encode())}"
    )
    return f"{head}.{segment(algorithm.sign(head.encode(), key))}"


def key_set(*signers: Signer) -> dict[str, object]:
    """What an issuer with these keys publishes."""
    return {"keys": [signer.jwk for signer in signers]}
