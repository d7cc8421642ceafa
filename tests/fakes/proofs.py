"""How an API reads a proof (RFC 9449 section 4.3), on cryptography alone."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


def read_proof(made: str) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims of a proof whose signature is good."""
    header, claims, signature = made.split(".")
    head = json.loads(_decoded(header))
    x, y = (int.from_bytes(_decoded(head["jwk"][name])) for name in "xy")
    raw = _decoded(signature)
    dss = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    public.verify(dss, f"{header}.{claims}".encode(), ECDSA(SHA256()))
    return head, json.loads(_decoded(claims))


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
