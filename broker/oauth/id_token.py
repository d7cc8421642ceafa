"""ID tokens, received straight from the token endpoint (OpenID Connect Core 1.0).

Knows no keys: `services.issuer_keys` looks at the signature. The token came over TLS
from the issuer itself, so its claims may be read before (section 3.1.3.7 step 6). Never
for a token that came another way.
"""

import base64
import hashlib
import re

import msgspec

from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import Seconds, UnixTime
from broker.oauth.compact import parse_compact
from broker.oauth.grammar import is_vschars
from broker.oauth.members import Members
from broker.oauth.signature import parse_header

CLOCK_DIFFERENCE = Seconds(300)
"""For clocks that differ."""

_MAX_SUBJECT_CHARACTERS = 255
_LAST_MOMENT = UnixTime(1e12)
_TENANT = "{tenantid}"
_TENANT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DIGESTS = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
"""By the end of an algorithm's name, as in RS256; EdDSA's hash is nowhere laid down."""


class IdClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in.

    Attributes:
        subject: `sub`, the issuer's name for the person, 1 to 255 ASCII characters.
        issuer: `iss`, as it stands there.
        expires_at: `exp`.
        name: what the person is called, made safe to show, or None.
        email: made safe to show, or None. No identity: it may change hands.
        hosted_domain: Google's `hd`, made safe to show, or None.
        auth_time: when the issuer last saw the person, or None.
    """

    subject: str
    issuer: str
    expires_at: UnixTime
    name: str | None = None
    email: str | None = None
    hosted_domain: str | None = None
    auth_time: UnixTime | None = None


def parse_id_token(
    token: Secret,
    *,
    issuer: Issuer,
    client_id: str,
    nonce: Secret | None,
    access_token: Secret | None,
    now: UnixTime,
    accepts_issuer: str | None = None,
    any_party: bool = False,
) -> IdClaims:
    """The claims of an ID token that is for this client, of this login and in date.

    Args:
        token: the compact form, straight from the token endpoint.
        issuer: who must have made it.
        client_id: for whom it must be.
        nonce: of the authorization request, or None where none was sent.
        access_token: what came with it, or None where that came otherwise.
        now: the moment it came.
        accepts_issuer: another documented `iss`; in it `{tenantid}` stands for the
            token's own `tid`, a UUID (Microsoft).
        any_party: whether `azp` may be anybody: it was made for another audience, and
            then it is who asked for it.

    Raises:
        IssuerMalformedError: anything else. The login is over.

    Source: OpenID Connect Core 1.0 sections 3.1.3.7 and 3.1.3.8.
    """
    compact = parse_compact(token, issuer=issuer.url)
    algorithm = parse_header(compact, issuer).algorithm
    claims = compact.claims
    _check_issuer(claims, issuer, accepts_issuer)
    _check_audience(claims, client_id, any_party=any_party)
    _check_dates(claims, now)
    if nonce is not None and not _has_nonce(claims, nonce):
        raise claims.malformed("its nonce is not this login's")
    if access_token is not None:
        _check_access_token(claims, algorithm, access_token)
    return _who(claims)


def _who(claims: Members) -> IdClaims:
    subject = claims.required_text("sub")
    if len(subject) > _MAX_SUBJECT_CHARACTERS or not is_vschars(subject):
        raise claims.malformed("'sub' is not 1 to 255 ASCII characters")
    has_time = claims.find("auth_time") is not None
    return IdClaims(
        subject=subject,
        issuer=claims.required_text("iss"),
        expires_at=UnixTime(_moment(claims, "exp")),
        name=_shown(claims, "name"),
        email=_shown(claims, "email"),
        hosted_domain=_shown(claims, "hd"),
        auth_time=UnixTime(_moment(claims, "auth_time")) if has_time else None,
    )


def _shown(claims: Members, name: str) -> str | None:
    text = claims.text(name)
    return safe_text(text) if text else None


def _check_issuer(claims: Members, issuer: Issuer, accepts_issuer: str | None) -> None:
    iss = claims.required_text("iss")
    if iss == issuer.url or (
        accepts_issuer and iss == _accepted(claims, accepts_issuer)
    ):
        return
    raise claims.malformed(f"it was made by {safe_text(iss)!r}")


def _accepted(claims: Members, accepts_issuer: str) -> str | None:
    if _TENANT not in accepts_issuer:
        return accepts_issuer
    tenant = claims.text("tid")
    if tenant is None or not _TENANT_ID.fullmatch(tenant):
        return None
    return accepts_issuer.replace(_TENANT, tenant)


def _check_audience(claims: Members, client_id: str, *, any_party: bool) -> None:
    one = claims.find("aud")
    audience = (one,) if isinstance(one, str) else claims.texts("aud")
    # No others: we trust none of them (step 3), so that `azp` need not choose.
    if audience is None or set(audience) != {client_id}:
        raise claims.malformed("it is not for this client alone")
    if claims.text("azp") not in (None, client_id) and not any_party:
        raise claims.malformed("it was issued to another client")


def _check_dates(claims: Members, now: UnixTime) -> None:
    if _moment(claims, "exp") <= now - CLOCK_DIFFERENCE:
        raise claims.malformed("it has expired, or this machine's clock is wrong")
    if _moment(claims, "iat") > now + CLOCK_DIFFERENCE:
        raise claims.malformed(
            "it was made in the future, or this machine's clock is wrong"
        )


def _check_access_token(claims: Members, algorithm: str, token: Secret) -> None:
    """Its left half of a hash, where it is there (section 3.1.3.8)."""
    said = claims.text("at_hash")
    digest = _DIGESTS.get(algorithm[-3:])
    if said is None or digest is None:
        return
    whole = digest(token.reveal().encode()).digest()
    own = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
    if said != own:
        raise claims.malformed("it was made for another access token")


def _moment(claims: Members, name: str) -> float:
    value = claims.find(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise claims.malformed(f"'{name}' is not a number")
    if not 0 <= value <= _LAST_MOMENT:  # 1e400 is infinite
        raise claims.malformed(f"'{name}' is no moment")
    return value


def _has_nonce(claims: Members, nonce: Secret) -> bool:
    value = claims.text("nonce")
    return value is not None and value.isascii() and Secret(value) == nonce
