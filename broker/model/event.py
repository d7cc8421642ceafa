"""What happened, for whoever listens: names and moments, never a token."""

from enum import Enum

import msgspec

from broker.model.account import AccountName
from broker.model.time import UnixTime


class EventKind(Enum):
    """What can happen; the value is the name on the wire."""

    TOKEN_RENEWED = "token_renewed"  # noqa: S105 - the name of an event
    LOGIN_NEEDED = "login_needed"
    """The grant is dead, or the issuer wants the person again."""
    LOGIN_BEGUN = "login_begun"
    """Through a restricted socket: whoever is there has no browser of the person's."""
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    EXPORTED = "exported"
    """The grant was given away whole, refresh token and all."""
    REVOKED = "revoked"
    """What a log-out had left at the issuer has ended there."""
    NOT_REVOKED = "not_revoked"
    """It has not, and the issuer is not asked any more."""
    ISSUER_DOWN = "issuer_down"
    ISSUER_UP = "issuer_up"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    UNSAVED = "unsaved"
    """The disk refused a renewed grant: it is served from memory for now."""
    SAVED = "saved"
    """All that the disk had refused is saved."""
    QUESTION = "question"
    """The person is asked whether a program may have a token."""
    ANSWERED = "answered"
    """A question is open no more: the reason is the answer, or why there is none."""
    POLICY_CHANGED = "policy_changed"
    MISSED = "missed"
    """This listener was too slow, and events before this one are gone."""
    LISTENING = "listening"
    """A listener's first: what stands now comes after it, then what happens."""
    STOPPING = "stopping"
    """A listener's last: the daemon is ending."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        kind: what.
        at: when, on the wall clock.
        account: whose, or None where it is not of one account.
        issuer: the issuer's URL, or None.
        reason: why, for people, or None.
        until: until when it will last, where that is known.
        socket: the restricted socket that it came through, or None.
        question: the id of the question that it is about, or None.
    """

    kind: EventKind
    at: UnixTime
    account: AccountName | None = None
    issuer: str | None = None
    reason: str | None = None
    until: UnixTime | None = None
    socket: str | None = None
    question: str | None = None
