"""What the sandbox has granted, in memory. Knows neither HTTP nor oauthlib.

Tokens say which family they belong to, and a refresh token which generation it
is, under a MAC. So a retired refresh token is recognized for as long as its family
lives without a list of retired ones.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from broker.model.secret import Secret, SecretBytes
from broker.model.time import Seconds, UnixTime
from broker.model.veiled import Veiled

Clock = Callable[[], UnixTime]
"""The wall clock, handed in so that tests need no sleep."""

CODE_LIFE = Seconds(60)
"""RFC 6749 section 4.1.2 recommends at most ten minutes; a loopback needs less."""

FAMILIES = 1000
CODES = 1000
OWN_FAMILY = "own"
"""Of the tokens that the client has in its own name: there is one for all of them."""

ACCESS_TOKENS = 64
"""Live access tokens of one family; past that the oldest ends early."""

_Value = TypeVar("_Value")
_ACCESS = "sandbox-access"
_REFRESH = "sandbox-refresh"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What the person allowed, and for which authorization request.

    Attributes:
        resources: RFC 8707; empty where the request named none.
        code_challenge: of method S256.
        nonce: of OpenID Connect, or None.
    """

    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    nonce: str | None
    approved_at: UnixTime


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """An access token that was given out.

    Attributes:
        audience: the resources it is good for; empty for any.
    """

    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    issued_at: UnixTime
    expires_at: UnixTime


class Family(Veiled, frozen=True, kw_only=True):
    """All that descends from one approval.

    Attributes:
        generation: of the one refresh token that is good now; 0 for none yet.
        access: live access tokens by their digest, oldest first.
    """

    veiled = frozenset({"access"})

    id: str
    approval: Approval
    generation: int = 0
    access: dict[str, IssuedToken] = msgspec.field(default_factory=dict)


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    family: Family
    expires_at: UnixTime
    is_spent: bool = False


class Grants:
    """Codes, families and their tokens; the one owner that writes them."""

    def __init__(self, clock: Clock, *, refresh_life: Seconds | None = None) -> None:
        self._clock = clock
        self._refresh_life = refresh_life
        self._mac_key = SecretBytes(secrets.token_bytes(32))
        self._codes: dict[str, _Code] = {}
        self._families: dict[str, Family] = {}

    def now(self) -> UnixTime:
        """This moment."""
        return self._clock()

    def keep_code(self, code: Secret, approval: Approval) -> None:
        """Remember an authorization code for `CODE_LIFE`."""
        family = self.new_family(approval)
        expires_at = UnixTime(self.now() + CODE_LIFE)
        self._codes[digest_of(code)] = _Code(family=family, expires_at=expires_at)
        _forget_oldest(self._codes, CODES)

    def new_family(self, approval: Approval) -> Family:
        """What an approval begins; `record` makes its first tokens good."""
        return Family(id=secrets.token_hex(12), approval=approval)

    def own_family(self, client_id: str) -> Family:
        """What the client is given in its own name (RFC 6749 section 4.4)."""
        approval = Approval(
            client_id=client_id,
            scopes=(),
            resources=(),
            redirect_uri="",
            code_challenge="",
            nonce=None,
            approved_at=self.now(),
        )
        known = self._families.get(OWN_FAMILY)
        return known or Family(id=OWN_FAMILY, approval=approval)

    def spend_code(
        self, code: Secret, *, client_id: str, redirect_uri: str | None
    ) -> Family | None:
        """The family that this code opens, or None; a code is good for one try.

        A second try revokes what the first gave (RFC 6749 section 4.1.2).
        """
        digest = digest_of(code)
        kept = self._codes.get(digest)
        if kept is None or kept.family.approval.client_id != client_id:
            return None
        if kept.is_spent:
            self._families.pop(kept.family.id, None)
            return None
        self._codes[digest] = replace(kept, is_spent=True)
        if self.now() >= kept.expires_at:
            return None
        if kept.family.approval.redirect_uri != redirect_uri:
            return None
        return kept.family

    def spend_refresh_token(self, token: Secret, *, client_id: str) -> Family | None:
        """The family whose present refresh token this is, or None.

        A retired one has been stolen, or its successor has: the whole family
        ends, access tokens included (RFC 9700 section 4.14.2).
        """
        family, generation = self._parse_refresh_token(token)
        if family is None or family.approval.client_id != client_id:
            return None
        if generation != family.generation:
            del self._families[family.id]
            return None
        end = self.refresh_expires_at(family)
        return family if end is None or self.now() < end else None

    def new_access_token(self, family: Family) -> Secret:
        """An access token to be; `record` makes it good."""
        return Secret(f"{_ACCESS}.{family.id}.{secrets.token_urlsafe(32)}")

    def next_refresh_token(self, family: Family) -> Secret:
        """The refresh token after the present one; `record` makes it good."""
        return self._refresh_token(family.id, family.generation + 1)

    def record(
        self,
        family: Family,
        access_token: Secret,
        *,
        scopes: Iterable[str],
        audience: Iterable[str],
        life: Seconds,
    ) -> None:
        """Make the next tokens of `family` good, and the old refresh token retired."""
        now = self.now()
        issued = IssuedToken(
            scopes=tuple(dict.fromkeys(scopes)),
            audience=tuple(audience),
            issued_at=now,
            expires_at=UnixTime(now + life),
        )
        live = {d: t for d, t in family.access.items() if now < t.expires_at}
        live[digest_of(access_token)] = issued
        _forget_oldest(live, ACCESS_TOKENS)
        self._families[family.id] = replace(
            family, generation=family.generation + 1, access=live
        )
        _forget_oldest(self._families, FAMILIES)

    def find_access_token(self, token: Secret) -> tuple[Family, IssuedToken] | None:
        """The live access token and its family, or None."""
        kind, _, rest = token.reveal().partition(".")
        family = self._families.get(rest.partition(".")[0])
        if kind != _ACCESS or family is None:
            return None
        issued = family.access.get(digest_of(token))
        if issued is None or self.now() >= issued.expires_at:
            return None
        return family, issued

    def find_refresh_token(self, token: Secret) -> Family | None:
        """The family whose present refresh token this is, or None; spends nothing."""
        family, generation = self._parse_refresh_token(token)
        if family is None or generation != family.generation:
            return None
        end = self.refresh_expires_at(family)
        return family if end is None or self.now() < end else None

    def refresh_expires_at(self, family: Family) -> UnixTime | None:
        """When its refresh tokens end: counted from the approval, or None for never."""
        if self._refresh_life is None:
            return None
        return UnixTime(family.approval.approved_at + self._refresh_life)

    def revoke(self, token: Secret, *, client_id: str) -> None:
        """End an access token, or with a refresh token its whole family (RFC 7009).

        A token of another client, or none at all, changes nothing.
        """
        family, _ = self._parse_refresh_token(token)
        if family is not None and family.approval.client_id == client_id:
            del self._families[family.id]
            return
        found = self.find_access_token(token)
        if found is not None and found[0].approval.client_id == client_id:
            family, digest = found[0], digest_of(token)
            left = {d: t for d, t in family.access.items() if d != digest}
            self._families[family.id] = replace(family, access=left)

    def live_families(self) -> int:
        """How many sign-ins could still give or use a token."""
        return len(self._families.keys() - {OWN_FAMILY})

    def _refresh_token(self, family_id: str, generation: int) -> Secret:
        text = f"{_REFRESH}.{family_id}.{generation}"
        mac = hmac.digest(self._mac_key.reveal(), text.encode(), "sha256")
        return Secret(f"{text}.{mac.hex()}")

    def _parse_refresh_token(self, token: Secret) -> tuple[Family | None, int]:
        parts = token.reveal().split(".")
        if len(parts) != len(("kind", "family", "generation", "mac")):
            return None, 0
        family, generation = self._families.get(parts[1]), parts[2]
        # Ten digits: int() of a longer text is slow, and no family gets that old.
        if family is None or not (generation.isascii() and generation.isdigit()):
            return None, 0
        number = int(generation[:10])
        genuine = self._refresh_token(family.id, number) == token
        return (family, number) if genuine else (None, 0)


def digest_of(token: Secret) -> str:
    """By which a code or token is looked up, so that none is kept."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def _forget_oldest(kept: dict[str, _Value], limit: int) -> None:
    while len(kept) > limit:
        del kept[next(iter(kept))]
