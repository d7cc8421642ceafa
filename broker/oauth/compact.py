"""Signed JWTs as they travel (RFC 7515 section 7.1), taken apart. Knows no keys.

Nothing here says that what stands in one is true: see `signature`.
"""

import base64
import binascii
import re

from broker.model.errors import IssuerMalformedError
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.veiled import Veiled
from broker.oauth.members import Members, parse_members

LONGEST_TOKEN = 128 * 1024
"""Characters; what an issuer puts into one is a few thousand."""

LONGEST_HEADER = 32 * 1024
"""Characters; a chain of certificates may stand in it."""

ID_TOKEN = "its ID token"  # noqa: S105 - what an error calls it

# Strictly: Python's decoder passes over what is not of the alphabet.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


class Compact(Veiled, frozen=True, kw_only=True):
    """One token, its three parts decoded.

    Attributes:
        header: the protected header.
        claims: what is signed.
        signed: the bytes that the signature is over.
        signature: not looked at yet.
    """

    veiled = frozenset({"header", "claims", "signed", "signature"})

    header: Members
    claims: Members
    signed: bytes
    signature: bytes


def parse_compact(token: Secret, *, issuer: str) -> Compact:
    """The parts of an ID token in its compact form.

    Raises:
        IssuerMalformedError: it is none: too long, not three parts in base64url, or
            header or claims are no JSON object. Holds no part of it.
    """
    text = token.reveal()
    if len(text) > LONGEST_TOKEN:
        raise _fault(issuer, f"longer than {LONGEST_TOKEN} characters")
    parts = _COMPACT.fullmatch(text)
    if parts is None:
        raise _fault(issuer, "not a signed JWT")
    header, claims, signature = parts.groups()
    if len(header) > LONGEST_HEADER:
        raise _fault(issuer, f"a header of more than {LONGEST_HEADER} characters")
    try:
        known = parse_members(_decoded(header), issuer=issuer, what=ID_TOKEN)
    except (IssuerMalformedError, binascii.Error):
        raise _fault(issuer, "not a signed JWT") from None
    try:
        said, signed_with = _decoded(claims), _decoded(signature)
    except binascii.Error:
        raise _fault(issuer, "not a signed JWT") from None
    return Compact(
        header=known,
        claims=parse_members(said, issuer=issuer, what=ID_TOKEN),
        signed=f"{header}.{claims}".encode(),
        signature=signed_with,
    )


def require_subject(token: Secret | None, *, issuer: str, subject: str | None) -> None:
    """Nothing, unless an ID token says that it is somebody else's.

    Args:
        token: in whatever state the rest of it is; None says nothing.
        issuer: of the token, for the error.
        subject: whose it should be, or None where that is not known.

    Raises:
        IssuerMalformedError: it does (OpenID Connect Core 1.0 section 12.2).
    """
    if token is None or subject is None:
        return
    try:
        claimed = parse_compact(token, issuer=issuer).claims.text("sub")
    except IssuerMalformedError:
        return
    if claimed not in (None, subject):
        what = "the tokens that it gave for a refresh token are somebody else's"
        raise IssuerMalformedError(issuer=safe_text(issuer), what=what)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _fault(issuer: str, what: str) -> IssuerMalformedError:
    return Members({}, safe_text(issuer), ID_TOKEN).malformed(what)
