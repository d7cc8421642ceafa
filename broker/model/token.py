"""Access tokens and how fresh they are. Knows no clock and no issuer."""

import hashlib
import hmac
import math
from enum import Enum

import msgspec
from msgspec.structs import replace

from broker.model.secret import Secret
from broker.model.time import Instant, Seconds, UnixTime

HARDLY_MORE = 1.1
"""A life of less than so many times `min_ttl` meets it for a moment only."""

_NOTICED = 1.0
"""Seconds; clocks that differ by less have not been moved, only steered."""

BEARER = "Bearer"
DPOP = "DPoP"
"""The types of a token (RFC 6750, RFC 9449): whoever has it may use it, or whoever has
its key too."""

NOT_APPLICABLE = "N_A"
"""Of what was exchanged and is no access token (RFC 8693 section 2.2.1)."""

Scopes = frozenset[str]
"""A set of OAuth scopes (RFC 6749 section 3.3)."""


class Freshness(Enum):
    """Whether an access token may be handed to a peer."""

    FRESH = "fresh"
    STALE = "stale"
    """Still valid, but with less life left than the peer needs."""
    EXPIRED = "expired"


class Validity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The moments at which a token is fresh and what it says of its end is true.

    Worked out once for a token and a `min_ttl`; looked at with every request.

    Attributes:
        wall_end: the wall clock is before this.
        boot_end: the boot clock is before this.
        boot_start: the boot clock is not before this: it would be of another boot.
        least_apart: the wall clock is as far ahead of the boot clock, at least, or it
            was set back.
        most_apart: and at most, or it was set forward.
    """

    wall_end: UnixTime
    boot_end: Seconds
    boot_start: Seconds
    least_apart: Seconds
    most_apart: Seconds

    def holds_at(self, now: Instant) -> bool:
        """Whether `now` is one of them."""
        return (
            now.wall < self.wall_end
            and self.boot_start <= now.boot < self.boot_end
            and self.least_apart <= now.wall - now.boot <= self.most_apart
        )


def digest_of(token: Secret) -> str:
    """SHA-256 of a token, in lower-case hex: to name it, and not to tell it."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """What peers get.

    Attributes:
        value: the token itself.
        token_type: `BEARER` or `DPOP` (RFC 6749 section 7.1), or `NOT_APPLICABLE`.
        scopes: what the token may do.
        obtained: when it was asked for, before the request left: the life counts
            from there, so that a slow answer never makes a token look younger.
        life: seconds from `obtained` to the end, or None where the issuer gave none.
    """

    value: Secret
    token_type: str
    scopes: Scopes
    obtained: Instant
    life: Seconds | None

    @property
    def expires_at(self) -> UnixTime | None:
        """The end of its life on the wall clock, or None where it has none."""
        return None if self.life is None else UnixTime(self.obtained.wall + self.life)

    @property
    def digest(self) -> str:
        """SHA-256 of this token, in lower-case hex: to name it, and not to tell it."""
        return digest_of(self.value)

    def has_digest(self, digest: str) -> bool:
        """Whether `digest` is the SHA-256 of this token, in lower-case hex."""
        return hmac.compare_digest(self.digest.encode(), digest.encode())

    def left(self, now: Instant) -> Seconds | None:
        """Seconds of life left at `now`: the stricter of both clocks decides.

        A boot clock that reads less than when the token was obtained belongs to
        another boot and says nothing.
        """
        if self.life is None:
            return None
        obtained = self.obtained
        age = max(now.wall - obtained.wall, now.boot - obtained.boot, 0.0)
        return Seconds(self.life - age)

    def on_this_boot(self, now: Instant) -> "AccessToken":
        """The same token, read from the disk: only the wall clock knows its age."""
        age = max(now.wall - self.obtained.wall, 0.0)
        obtained = Instant(wall=self.obtained.wall, boot=Seconds(now.boot - age))
        return replace(self, obtained=obtained)

    def as_of(self, now: Instant) -> "AccessToken":
        """The same token, with an `expires_at` that is true of the wall clock at `now`.

        A wall clock that was set back would otherwise make a peer keep a token for
        longer than it lives.
        """
        age = max(now.boot - self.obtained.boot, 0.0)
        if now.wall - self.obtained.wall >= age - _NOTICED:
            return self
        obtained = Instant(wall=UnixTime(now.wall - age), boot=self.obtained.boot)
        return replace(self, obtained=obtained)

    def freshness(self, now: Instant, min_ttl: Seconds) -> Freshness:
        """FRESH while at least `min_ttl` seconds of life are left at `now`.

        A token born with less life than `min_ttl`, or hardly more, counts as fresh
        until half its life is gone: a newer one would be no better for long, and each
        request would cost one.
        """
        left = self.left(now)
        if left is None or self.life is None:
            return Freshness.FRESH
        if left <= 0:
            return Freshness.EXPIRED
        needed = _needed(self.life, min_ttl)
        return Freshness.FRESH if left >= needed else Freshness.STALE

    def validity(self, now: Instant, min_ttl: Seconds) -> Validity:
        """When it is FRESH for `min_ttl`, and what `as_of` said of it at `now` is true.

        A wall clock that goes forward may only have been put right: what was corrected
        before is wrong from then on.
        """
        life = math.inf if self.life is None else self.life
        fresh = life - _needed(life, min_ttl)
        wall, boot = self.obtained.wall, self.obtained.boot
        return Validity(
            wall_end=UnixTime(wall + fresh),
            boot_end=Seconds(boot + fresh),
            boot_start=boot,
            least_apart=Seconds(wall - boot - _NOTICED),
            most_apart=Seconds(now.wall - now.boot + _NOTICED),
        )


def _needed(life: float, min_ttl: Seconds) -> float:
    """The seconds that must be left of a token for a peer that needs `min_ttl`."""
    return life / 2 if life < min_ttl * HARDLY_MORE else min_ttl
