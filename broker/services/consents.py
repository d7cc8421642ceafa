"""Questions about programs, and the person's answers to them.

A question is asked once, however many wait for it, and waits for the person whether
anybody listens or not. While none is open nothing waits and no timer runs.
"""

import asyncio
import logging
from contextlib import suppress

from broker.model.account import AccountName
from broker.model.consent import Allowance, Answer, answers
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    ConsentPendingError,
    LockedError,
    NotPermittedError,
    StoppingError,
    UnknownQuestionError,
)
from broker.model.event import Event, EventKind
from broker.model.late import Late
from broker.model.question import Question
from broker.model.question_words import QuestionWords, ScopeWords, question_words
from broker.model.restriction import SocketName
from broker.model.time import Seconds, UnixTime
from broker.services.events import Events
from broker.services.interfaces import Clock, Recorder
from broker.services.open_question import QUESTION_LIFE, End, OpenQuestion
from broker.services.question_limits import QuestionLimits
from broker.services.recording import entry_of_question
from broker.services.remembering import Remembering, allowance
from broker.services.vault import Vault
from broker.services.waits import first

log = logging.getLogger(__name__)

_ENDS = {
    EventKind.LOCKED: End.LOCKED,
    EventKind.SIGNED_OUT: End.SIGNED_OUT,
    EventKind.POLICY_CHANGED: End.POLICY_CHANGED,
    EventKind.STOPPING: End.STOPPING,
}
"""What happens elsewhere and ends questions: of its account, where it names one."""


class Consents:
    """Asks, and hands out the answers. Satisfies the gate's `Consent`.

    Args:
        remembering: what was said before.
        scope_words: what scopes mean.

    Attributes:
        remembering: the same.
        limits: of how often is asked.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        clock: Clock,
        events: Events,
        recorder: Recorder,
        remembering: Remembering,
        scope_words: Late[ScopeWords],
    ) -> None:
        self.limits = QuestionLimits()
        self.remembering = remembering
        self._vault = vault
        self._clock = clock
        self._events = events
        self._recorder = recorder
        self._scope_words = scope_words
        self._open: dict[str, OpenQuestion] = {}
        self._expiring: dict[str, asyncio.Task[None]] = {}
        self._answering = asyncio.Lock()
        events.heed(self._heed)

    # --- for the gate -------------------------------------------------------------

    def remembers(self, question: Question) -> bool:
        """Whether it was allowed before, and that still counts."""
        opened = self._vault.opened
        remembered = None if opened is None else self.remembering.at_hand(opened)
        if opened is None or remembered is None:
            return False  # not read yet: whoever waits has it read
        about = allowance(opened, question)
        return self.remembering.rule(remembered, question, about) is not None

    async def ask(self, question: Question, wait: Seconds) -> str:
        """The rule by which it is allowed, the person asked where need be.

        Raises:
            NotPermittedError: it is not.
            ConsentPendingError: there is no answer yet, or no more: ask again.
            BrokerError: the store is locked, or we are stopping.
        """
        deadline = self._clock.now().boot + wait
        while True:
            self._vault.require_serving()
            opened = self._vault.require_open()
            remembered = await self.remembering.of(opened)
            about = allowance(opened, question)
            rule = self.remembering.rule(remembered, question, about)
            if rule is not None:
                return rule
            if self.remembering.take_pass(about):
                return "you, once"
            asked = self._asked(question, about)
            await self._wait(asked, Seconds(deadline - self._clock.now().boot))
            # What the person was shown: meanwhile somebody may have signed in anew, as
            # another or to more. Then that is asked about.
            if _may_pass(asked) and about == self._about(question):
                return "you, once"

    # --- for the person -----------------------------------------------------------

    @property
    def open(self) -> list[OpenQuestion]:
        """The questions that are open, the oldest first."""
        return list(self._open.values())

    def find(self, question_id: str) -> OpenQuestion:
        """One that is open.

        Raises:
            UnknownQuestionError: none has this id.
        """
        found = self._open.get(question_id)
        if found is None:
            raise UnknownQuestionError(question=question_id)
        return found

    def words(self, asked: OpenQuestion) -> QuestionWords:
        """The question as people are shown it."""
        about = asked.allowance
        table = self._scope_words.get()
        return question_words(asked.question, about.issuer, about.scopes, table)

    async def answer(self, question_id: str, answer: Answer) -> None:
        """What the person says.

        Raises:
            UnknownQuestionError: no such question is open.
            BadRequestError: this cannot be said to it.
            StoreFailedError: the disk refuses what is to be remembered; the question
                stays open.
        """
        async with self._answering:
            asked = self.find(question_id)
            offered = answers(asked.question)
            if answer not in offered:
                words = ", ".join(one.value for one in offered)
                raise BadRequestError(what=f"to this question one says {words}")
            await self.remembering.keep(asked.question, asked.allowance, answer)
            self.limits.answered(asked.allowance)
            if answer is Answer.DENY:
                self.limits.denied(asked.allowance, self._clock.now())
            if answer is Answer.ONCE and asked.waiting == 0:
                self.remembering.keep_pass(asked.allowance)
            self._end(asked, answer)

    async def revoke(self, consent_id: str | None) -> None:
        """Forget an answer, or all of them, and what was not answered, too.

        Raises:
            UnknownConsentError: there is none of this id.
            BrokerError: the store is locked, or the disk refused.
        """
        await self.remembering.revoke(consent_id)
        if consent_id is None:
            self.limits.forget()

    async def signed_out(self, account: AccountName) -> None:
        """Whoever signs in under this name is asked anew, as far as that can be."""
        # The account is gone already: that this fails must not make it seem otherwise.
        with suppress(BrokerError):
            await self.remembering.forget_account(account)

    def socket_ended(self, name: SocketName) -> None:
        """Nobody is left who waits for an answer there."""
        for asked in self.open:
            about = asked.allowance
            if about.socket == name and about.socket_made_at is not None:
                self._end(asked, End.SOCKET_ENDED)

    def _about(self, question: Question) -> Allowance:
        return allowance(self._vault.require_open(), question)

    # --- one question ---------------------------------------------------------------

    def _asked(self, question: Question, about: Allowance) -> OpenQuestion:
        """The open question about it, or a new one."""
        for asked in self._open.values():
            if asked.allowance == about and asked.question.every == question.every:
                return asked
        now = self._clock.now()
        open_now = [asked.allowance for asked in self._open.values()]
        self.limits.require_asking(about, open_now, now)
        asked = OpenQuestion(self.remembering.new_id(), question, about, now)
        self._open[asked.question_id] = asked
        self._expiring[asked.question_id] = asyncio.create_task(
            self._expire(asked), name=f"question {asked.question_id}"
        )
        log.info("question.asked id=%s account=%s", asked.question_id, about.account)
        self._tell(asked, now.wall)
        return asked

    async def _wait(self, asked: OpenQuestion, seconds: Seconds) -> None:
        if seconds <= 0 or asked.ended.is_set():
            return
        asked.waiting += 1
        try:
            await first(asked.ended, self._clock, seconds)
        finally:
            asked.waiting -= 1

    async def _expire(self, asked: OpenQuestion) -> None:
        await self._clock.sleep(QUESTION_LIFE)
        self.limits.unanswered(asked.allowance, self._clock.now())
        self._end(asked, End.UNANSWERED)

    def _end(self, asked: OpenQuestion, end: Answer | End) -> None:
        if self._open.pop(asked.question_id, None) is None:
            return
        expiring = self._expiring.pop(asked.question_id)
        if end is not End.UNANSWERED:  # else it is that task that is running
            expiring.cancel()
        asked.close(end)
        log.info("question.ended id=%s end=%r", asked.question_id, end.value)
        self._tell(asked, self._clock.now().wall)

    def _tell(self, asked: OpenQuestion, at: UnixTime) -> None:
        """Whoever listens, and the audit, that it is open or has ended."""
        end = "" if asked.end is None else asked.end.value
        self._recorder.record(entry_of_question(asked.question, asked.question_id, end))
        self._events.publish(asked.event(at))

    def _heed(self, event: Event) -> None:
        end = _ENDS.get(event.kind)
        if end is None:
            return
        for asked in self.open:
            if event.account in (None, asked.allowance.account):
                self._end(asked, end)
        if end is End.LOCKED:
            self.remembering.locked()


def _may_pass(asked: OpenQuestion) -> bool:
    """Whether one more may, by an answer for once; else it is looked at anew.

    Raises:
        BrokerError: it may not.
    """
    about, end = asked.allowance, asked.end
    what = about.account
    match end:
        case Answer.ONCE:
            return asked.take_pass()
        case Answer.SESSION | Answer.ALWAYS:
            return False  # by what is remembered now; in another session, perhaps not
        case Answer.DENY:
            raise NotPermittedError(what=f"{what}: you said no")
        case End.LOCKED:
            raise LockedError(reason="it was locked while you were asked")
        case End.STOPPING:
            raise StoppingError
        case End.UNANSWERED | End.SIGNED_OUT | End.SOCKET_ENDED:
            raise NotPermittedError(what=f"{what}: {end.value}")
        case End.POLICY_CHANGED | None:
            raise ConsentPendingError(account=about.account, question=asked.question_id)
