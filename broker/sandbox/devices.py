"""Device codes that wait for the person, in memory. Knows neither HTTP nor oauthlib.

Source: RFC 8628.
"""

import secrets
from enum import Enum

import msgspec
from msgspec.structs import replace

from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.sandbox.grants import Approval, Clock, Family, Grants, digest_of

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
"""The grant type (section 3.4)."""

DEVICE_LIFE = 600
"""Seconds."""

INTERVAL = 1
"""Seconds between two questions: here people try, and nobody's server suffers."""

_SLOW_DOWN = Seconds(5)
_TOLERANCE = Seconds(0.5)
"""A question sent in time may arrive a little early after one that was held up."""

# No vowels, so that no word comes out, and nothing that looks like a digit (RFC 8628
# section 6.1).
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_HALF = 4
_WAITING = 200


class DeviceState(Enum):
    """How the person has decided."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"
    DENIED = "access_denied"
    EXPIRED = "expired_token"
    APPROVED = "authorized"


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One device authorization.

    Attributes:
        scopes: asked for, or the default ones.
        family: what was approved, or None.
        asked_at: when the token endpoint was asked last, or None.
    """

    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    expires_at: UnixTime
    interval: Seconds
    family: Family | None = None
    is_denied: bool = False
    asked_at: UnixTime | None = None


class Devices:
    """Device authorizations; the one owner that writes them."""

    def __init__(self, grants: Grants, clock: Clock) -> None:
        self._grants = grants
        self._clock = clock
        self._waiting: dict[str, DeviceRequest] = {}

    def keep(
        self,
        device_code: Secret,
        user_code: str,
        *,
        client_id: str,
        scopes: tuple[str, ...],
        resources: tuple[str, ...],
    ) -> DeviceRequest:
        """Remember a device authorization for `DEVICE_LIFE`."""
        request = DeviceRequest(
            user_code=user_code,
            client_id=client_id,
            scopes=scopes,
            resources=resources,
            interval=Seconds(INTERVAL),
            expires_at=UnixTime(self._clock() + DEVICE_LIFE),
        )
        self._waiting[digest_of(device_code)] = request
        while len(self._waiting) > _WAITING:
            del self._waiting[next(iter(self._waiting))]
        return request

    def find(self, typed: str) -> DeviceRequest | None:
        """The one that waits under a user code, however it was typed, or None."""
        wanted = _bare(typed)
        for request in self._waiting.values():
            if _bare(request.user_code) == wanted and self._awaits_person(request):
                return request
        return None

    def decide(self, user_code: str, approved: tuple[str, ...]) -> bool:
        """Let it have these scopes, or none at all; whether it still waited."""
        for digest, request in self._waiting.items():
            if request.user_code == user_code and self._awaits_person(request):
                self._waiting[digest] = self._decided(request, approved)
                return True
        return False

    def ask(
        self, device_code: Secret, client_id: str
    ) -> tuple[DeviceState, Family | None] | None:
        """How it stands, for whoever has the device code; None for an unknown one.

        What was approved is given once.
        """
        digest = digest_of(device_code)
        request = self._waiting.get(digest)
        if request is None or request.client_id != client_id:
            return None
        now, before = self._clock(), request.asked_at
        is_early = before is not None and now - before < request.interval - _TOLERANCE
        if is_early:
            request = replace(request, interval=Seconds(request.interval + _SLOW_DOWN))
        self._waiting[digest] = replace(request, asked_at=now)
        state = self._state(request, now, is_early=is_early)
        if state is DeviceState.APPROVED:
            del self._waiting[digest]
        return state, request.family

    def _state(
        self, request: DeviceRequest, now: UnixTime, *, is_early: bool
    ) -> DeviceState:
        if now >= request.expires_at:
            return DeviceState.EXPIRED
        if request.is_denied:
            return DeviceState.DENIED
        if is_early:
            return DeviceState.SLOW_DOWN
        return DeviceState.PENDING if request.family is None else DeviceState.APPROVED

    def _awaits_person(self, request: DeviceRequest) -> bool:
        is_decided = request.is_denied or request.family is not None
        return not is_decided and self._clock() < request.expires_at

    def _decided(
        self, request: DeviceRequest, approved: tuple[str, ...]
    ) -> DeviceRequest:
        if not approved:
            return replace(request, is_denied=True)
        approval = Approval(
            client_id=request.client_id,
            scopes=approved,
            resources=request.resources,
            redirect_uri="",
            code_challenge="",
            nonce=None,
            approved_at=self._clock(),
        )
        return replace(request, family=self._grants.new_family(approval))


def new_user_code() -> str:
    """Eight letters, such as 'WDJB-MJHT': 34 bits that are good for ten minutes."""
    halves = ("".join(secrets.choice(_LETTERS) for _ in range(_HALF)) for _ in "12")
    return "-".join(halves)


def _bare(code: str) -> str:
    return "".join(c for c in code.upper() if c in _LETTERS)
