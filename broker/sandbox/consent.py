"""Consent pages that wait for a click: one-time ids, in memory. Knows no HTTP."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

from broker.model.time import Seconds, UnixTime
from broker.sandbox.grants import Clock

_Request = TypeVar("_Request")

_WAIT = Seconds(600)
_WAITING = 200


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization request that has been validated and may be answered.

    Attributes:
        parameters: as they came, only those that are known.
        scopes: asked for, or the default ones.
    """

    parameters: dict[str, str]
    scopes: tuple[str, ...]
    redirect_uri: str
    state: str | None


def approved_scopes(asked: Sequence[str], ticked: Iterable[str]) -> tuple[str, ...]:
    """The asked scopes that the person left ticked, in the order asked.

    Raises:
        ValueError: something was ticked that was not asked.
    """
    chosen = set(ticked)
    if not chosen <= set(asked):
        raise ValueError("a scope was ticked that was not asked for")
    return tuple(scope for scope in asked if scope in chosen)


class ConsentDesk(Generic[_Request]):
    """Requests whose page has been shown and not yet answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, tuple[_Request, UnixTime]] = {}

    def ask(self, request: _Request) -> str:
        """The one-time id of a page about `request`, good for ten minutes."""
        consent_id = secrets.token_urlsafe(32)
        expires_at = UnixTime(self._clock() + _WAIT)
        self._waiting[consent_id] = (request, expires_at)
        while len(self._waiting) > _WAITING:
            del self._waiting[next(iter(self._waiting))]
        return consent_id

    def take(self, consent_id: str) -> _Request | None:
        """The request, once: no page of another site can know or repeat the id."""
        request, expires_at = self._waiting.pop(consent_id, (None, UnixTime(0)))
        return request if self._clock() < expires_at else None
