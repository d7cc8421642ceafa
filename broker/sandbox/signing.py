"""ID tokens of the sandbox, under an RS256 key that is made at each start."""

import base64
import hashlib

from joserfc import jwt
from joserfc.jwk import RSAKey

from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.sandbox.grants import Approval

SUBJECT = "sandbox-person-1"
PERSON_NAME = "Robin Sample"
PERSON_EMAIL = "robin@sandbox.invalid"

_ALGORITHM = "RS256"  # the one that every OpenID issuer must have (Discovery 1.0, 3)
_KEY_BITS = 2048


class IdTokenSigner:
    """Signs ID tokens (OpenID Connect Core 1.0, section 2)."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._key = RSAKey.generate_key(
            _KEY_BITS, parameters={"use": "sig", "alg": _ALGORITHM}, auto_kid=True
        )

    def public_keys(self) -> dict[str, object]:
        """The JWK Set: `{"keys": [{"kty": "RSA", "kid": str, "n": str, …}]}`."""
        return {"keys": [self._key.as_dict(private=False)]}

    def id_token(
        self,
        approval: Approval,
        access_token: Secret,
        *,
        scopes: tuple[str, ...],
        now: UnixTime,
        life: Seconds,
    ) -> Secret:
        """A signed ID token for the sandbox's one person, good for `life` seconds."""
        claims: dict[str, object] = {
            "iss": self._issuer,
            "sub": SUBJECT,
            "aud": approval.client_id,
            "iat": int(now),
            "exp": int(now + life),
            "auth_time": int(approval.approved_at),
            "at_hash": _left_half(access_token),
            "sandbox": True,
        }
        if approval.nonce is not None:
            claims["nonce"] = approval.nonce
        if "email" in scopes:
            claims |= {"email": PERSON_EMAIL, "email_verified": True}
        if "profile" in scopes:
            claims["name"] = PERSON_NAME
        header = {"alg": _ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        return Secret(jwt.encode(header, claims, self._key))


def _left_half(token: Secret) -> str:
    """`at_hash` for an algorithm on SHA-256 (OpenID Connect Core 3.1.3.6)."""
    digest = hashlib.sha256(token.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
