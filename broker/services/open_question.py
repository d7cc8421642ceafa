"""One question that is open, and how it ended. Knows no store and no clock."""

import asyncio
from enum import Enum

from broker.model.consent import Allowance, Answer
from broker.model.event import Event, EventKind
from broker.model.question import Question
from broker.model.time import Instant, Seconds, UnixTime

QUESTION_LIFE = Seconds(300)
"""A person may be in another room; whoever waits longer asks again."""


class End(Enum):
    """Why a question is open no more, but for an answer; the value is told."""

    UNANSWERED = "nobody answered"
    LOCKED = "the store was locked"
    SIGNED_OUT = "the account was signed out"
    POLICY_CHANGED = "the policy was changed"
    SOCKET_ENDED = "the socket has ended"
    STOPPING = "the daemon stopped"


class OpenQuestion:
    """What is asked once, however many wait for it.

    Attributes:
        question_id: by which it is answered.
        question: as its first asker put it.
        allowance: what it is about.
        asked: when.
        ended: set at its end, from when `end` says how.
        waiting: how many wait for it now.
        passes: how many may still pass by an answer for once.
    """

    def __init__(
        self, question_id: str, question: Question, allowance: Allowance, asked: Instant
    ) -> None:
        self.question_id = question_id
        self.question = question
        self.allowance = allowance
        self.asked = asked
        self.ended = asyncio.Event()
        self.waiting = 0
        self.passes = 0
        self._end: Answer | End | None = None

    @property
    def end(self) -> Answer | End | None:
        """How it ended; None while it is open."""
        return self._end

    @property
    def expires_at(self) -> UnixTime:
        """On the wall clock, for people."""
        return UnixTime(self.asked.wall + QUESTION_LIFE)

    def close(self, end: Answer | End) -> None:
        """End it; whoever waits hears of it."""
        self._end = end
        if end is Answer.ONCE:
            # All who wait, once each: by all that the person was shown they are one
            # program that wants one thing, and a question for each of its threads
            # would only teach to click. Where every use is to be asked about, one.
            self.passes = 1 if self.question.every else max(1, self.waiting)
        self.ended.set()

    def take_pass(self) -> bool:
        """Whether one more may pass by an answer for once."""
        if self.passes == 0:
            return False
        self.passes -= 1
        return True

    def event(self, at: UnixTime) -> Event:
        """That it is open, or that it has ended."""
        end = self._end
        return Event(
            kind=EventKind.QUESTION if end is None else EventKind.ANSWERED,
            at=at,
            account=self.allowance.account,
            question=self.question_id,
            reason=None if end is None else end.value,
            until=self.expires_at if end is None else None,
        )
