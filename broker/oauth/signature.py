"""Whose an ID token is: its header and its signature (RFC 7515). Knows no network.

What stands in the header chooses among the issuer's keys and brings none: `jwk`, `jku`,
`x5u` and `x5c` are whoever's made the token, and are not looked at.
"""

from enum import Enum

import msgspec

from broker.model.errors import IssuerMalformedError
from broker.model.issuer import Issuer
from broker.model.text import safe_text
from broker.oauth.compact import Compact
from broker.oauth.jwks import ALGORITHMS, IssuerKey, KeySet


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says of its own signature.

    Attributes:
        algorithm: one that is taken of this issuer.
        kid: which of the issuer's keys, or None.
    """

    algorithm: str
    kid: str | None


class Verdict(Enum):
    """What an issuer's keys say of a signature."""

    RIGHT = "right"
    NO_KEY = "it was signed with a key that the issuer does not publish"
    """It may be a new one."""
    WRONG = "its signature is not of the issuer's key"


def taken_algorithms(issuer: Issuer) -> frozenset[str]:
    """With which an ID token of this issuer may be signed.

    What its metadata lists, of what the broker takes; where it lists nothing, all that
    the broker takes (Discovery 1.0 section 3 demands the list).
    """
    listed = issuer.id_token_algorithms
    return ALGORITHMS.intersection(listed) if listed else ALGORITHMS


def parse_header(token: Compact, issuer: Issuer) -> Header:
    """The header, of a token that is signed in a way that is taken.

    Raises:
        IssuerMalformedError: it is not signed, or with an algorithm that is not taken
            of this issuer; or it demands what the broker does not know (`crit`).
    """
    header = token.header
    algorithm = header.find("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none":
        raise header.malformed("not a signed JWT")
    if algorithm not in taken_algorithms(issuer):
        shown = safe_text(algorithm, 20)
        raise header.malformed(f"signed with {shown!r}, which is not taken of it")
    if header.find("crit") is not None:
        # RFC 7515 section 4.1.11: what is in it must be understood, or all refused.
        raise header.malformed("its header demands what the broker does not know")
    return Header(algorithm=algorithm, kid=header.text("kid"))


def verdict(token: Compact, header: Header, keys: KeySet) -> Verdict:
    """What `keys` say of the signature of `token`."""
    candidates = keys.candidates(header.kid, header.algorithm)
    if not candidates:
        return Verdict.NO_KEY
    is_right = any(_is_right(token, header.algorithm, each) for each in candidates)
    return Verdict.RIGHT if is_right else Verdict.WRONG


def fault(token: Compact, found: Verdict) -> IssuerMalformedError:
    """The error that a verdict is."""
    return token.claims.malformed(found.value)


def _is_right(token: Compact, algorithm: str, candidate: IssuerKey) -> bool:
    # By the algorithm alone: joserfc's own way in looks at the header once more, and
    # knows fewer members than issuers write.
    from joserfc.errors import JoseError  # noqa: PLC0415 - see jwks
    from joserfc.jws import JWSRegistry  # noqa: PLC0415 - see jwks

    model = JWSRegistry.algorithms[algorithm]
    try:
        return model.verify(token.signed, token.signature, candidate.key)
    except (JoseError, ValueError, TypeError):
        return False
