"""Proof Key for Code Exchange (RFC 7636), S256 only. Knows no randomness."""

import base64
import hashlib

from broker.model.secret import Secret

VERIFIER_BYTES = 32
"""256 bits, as RFC 7636 section 7.1 recommends."""

_MAX_VERIFIER_BYTES = 96
"""Base64 makes 128 characters of them, the longest verifier there may be."""


def code_verifier(random: bytes) -> Secret:
    """The verifier of one login (RFC 7636 section 4.1).

    Args:
        random: `VERIFIER_BYTES` fresh random bytes; up to 96 are taken.

    Raises:
        ValueError: too few or too many bytes.
    """
    if not VERIFIER_BYTES <= len(random) <= _MAX_VERIFIER_BYTES:
        raise ValueError("a code verifier needs 32 to 96 random bytes")
    return Secret(_base64url(random))


def code_challenge(verifier: Secret) -> str:
    """The S256 challenge (RFC 7636 section 4.2). Not a secret."""
    return _base64url(hashlib.sha256(verifier.reveal().encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
