"""The keys with which an issuer signs (RFC 7517). Knows no network and no clock."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds
from broker.oauth.members import Members, parse_members

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

MAX_KEY_SET_BYTES = 256 * 1024
MAX_KEYS = 64
"""The largest issuers publish five or six, with their chains of certificates."""

LEAST_FRESH = Seconds(300)
USUALLY_FRESH = Seconds(3600)
MOST_FRESH = Seconds(86_400)
"""For how long a set is taken as it is, whatever its Cache-Control says: an issuer is
not to be asked for each token, and a key that it has withdrawn is to be forgotten."""

RSA_BITS = range(2048, 8193)
"""Shorter ones can be broken; with longer ones, each check takes milliseconds."""

_LARGEST_EXPONENT = 1 << 32

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA", "Ed25519"}),
    ("OKP", "Ed448"): frozenset({"EdDSA", "Ed448"}),
}
ALGORITHMS = _RSA.union(*_BY_CURVE.values())
"""All that are taken: asymmetric ones alone. With HS256 whoever may check a token may
make one, and a published key would do as the secret."""

_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
_PUBLIC_OKP = ("kty", "crv", "x")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,10})", re.ASCII | re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)


class IssuerKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key that can check signatures.

    Attributes:
        kid: its name, unique or not; None where it has none.
        algorithms: with which it may be used.
        key: of joserfc.
    """

    kid: str | None
    algorithms: frozenset[str]
    key: "RSAKey | ECKey | OKPKey"


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """What an issuer publishes.

    Attributes:
        keys: those of use here.
        passed_over: how many are not: of another kind, too short, broken, or secret.
    """

    keys: tuple[IssuerKey, ...]
    passed_over: int = 0

    def candidates(self, kid: str | None, algorithm: str) -> tuple[IssuerKey, ...]:
        """Those that a token's header may mean.

        A `kid` may stand twice (RFC 7517 section 4.5), and may be missing from a header
        or from a key: then every key that fits is one.
        """
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        return tuple(key for key in fitting if kid is None or key.kid in (kid, None))


def keys_request(url: str) -> HttpRequest:
    """What fetches a key set."""
    accepted = "application/jwk-set+json, application/json"
    return HttpRequest(method="GET", url=url, headers={"Accept": accepted})


def parse_key_set(body: bytes, *, issuer: str) -> KeySet:
    """The keys that an issuer publishes.

    Args:
        body: `{"keys": [{"kty": "RSA", "kid": str, "n": str, "e": str, …}, …]}`.
        issuer: for the error.

    Raises:
        IssuerMalformedError: it is no key set, or a huge one. A key that cannot be
            used is no fault: RFC 7517 section 5 has it passed over. So is a secret
            one, with which anybody could sign.
    """
    if len(body) > MAX_KEY_SET_BYTES:
        what = f"more than {MAX_KEY_SET_BYTES} bytes"
        raise Members({}, issuer, "its keys").malformed(what)
    members = parse_members(body, issuer=issuer, what="its keys")
    listed = members.find("keys")
    if not isinstance(listed, list):
        raise members.malformed("'keys' is not an array")
    if len(listed) > MAX_KEYS:
        raise members.malformed(f"more than {MAX_KEYS} keys")
    parsed = [_parsed(jwk) for jwk in listed]
    keys = tuple(key for key in parsed if key is not None)
    return KeySet(keys=keys, passed_over=len(listed) - len(keys))


def fresh_for(response: HttpResponse) -> Seconds:
    """For how long what came is not to be fetched again (RFC 9111 section 5.2)."""
    headers = response.headers
    control = headers.get("cache-control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return LEAST_FRESH
    said = _MAX_AGE.search(control)
    if said is None:
        return USUALLY_FRESH
    age = headers.get("age", "")
    left = int(said[1]) - (int(age) if _DIGITS.fullmatch(age) else 0)
    return Seconds(min(max(left, LEAST_FRESH), MOST_FRESH))


def _parsed(jwk: object) -> IssuerKey | None:
    if not isinstance(jwk, dict) or not _PRIVATE.isdisjoint(jwk):
        return None
    if jwk.get("use", "sig") != "sig" or not _may_verify(jwk.get("key_ops")):
        return None
    kid = jwk.get("kid")
    algorithms = _algorithms(jwk)
    key = _key(jwk) if algorithms else None
    if key is None or not isinstance(kid, str | None):
        return None
    return IssuerKey(kid=kid, algorithms=algorithms, key=key)


def _may_verify(key_ops: object) -> bool:
    return key_ops is None or (isinstance(key_ops, list) and "verify" in key_ops)


def _algorithms(jwk: Mapping[str, object]) -> frozenset[str]:
    """With which the key may be used; none where that is not known."""
    kind, curve, said = jwk.get("kty"), jwk.get("crv"), jwk.get("alg")
    if kind == "RSA":
        fitting = _RSA
    elif isinstance(kind, str) and isinstance(curve, str):
        fitting = _BY_CURVE.get((kind, curve), frozenset())
    else:
        return frozenset()
    # EdDSA is what RFC 8037 calls Ed25519 and Ed448, by RFC 9864 names of their own.
    if said is None:
        return fitting
    if not isinstance(said, str) or said not in fitting:
        return frozenset()
    return fitting if kind == "OKP" else frozenset({said})


def _key(jwk: Mapping[str, object]) -> "RSAKey | ECKey | OKPKey | None":
    """Of joserfc; None where its numbers are none."""
    # Few daemons ever see an ID token.
    from joserfc.errors import JoseError  # noqa: PLC0415 - see above
    from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: PLC0415 - see above

    kind = jwk["kty"]
    members = {name: jwk.get(name) for name in _PUBLIC.get(str(kind), _PUBLIC_OKP)}
    public = {name: text for name, text in members.items() if isinstance(text, str)}
    if len(public) != len(members) or (kind == "RSA" and not _is_sound(public)):
        return None
    kinds: dict[object, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey}
    try:
        key = kinds.get(kind, OKPKey).import_key(dict(public))
        _ = key.public_key  # now: cryptography finds points that are not on the curve
    except (JoseError, ValueError, TypeError):
        return None
    return key


def _is_sound(public: Mapping[str, str]) -> bool:
    """Whether an RSA key is long enough, and quick enough to use."""
    try:
        modulus, exponent = (_number(public[name]) for name in ("n", "e"))
    except (binascii.Error, ValueError):
        return False
    is_odd = bool(modulus & 1 and exponent & 1)
    return (
        is_odd and modulus.bit_length() in RSA_BITS and 1 < exponent < _LARGEST_EXPONENT
    )


def _number(text: str) -> int:
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    return int.from_bytes(base64.urlsafe_b64decode(padded), "big")
