"""How often a person may be asked. Knows no question's words and asks nobody.

A program that asks for ever must neither wear the person out nor keep the others from
being asked.
"""

from collections import OrderedDict, deque

from broker.model.consent import Allowance, Program
from broker.model.errors import NotPermittedError
from broker.model.time import Instant, Seconds

MOST_OPEN = 8
"""Questions at a time, and of one program"""
MOST_OPEN_OF_A_PROGRAM = 3

MOST_A_MINUTE = 10
_MINUTE = Seconds(60)

MOST_UNANSWERED = 3
"""Of one program; then it is asked about no more for `SILENCE`."""
SILENCE = Seconds(900)

DENIED_FOR = Seconds(30)
"""A loop that asks again at once is told no at once."""

_MOST_KEPT = 256
"""Programs, or denials: a program can call itself what it likes."""

Asker = tuple[str, Program]
"""The socket, and which program there."""


def asker_of(allowance: Allowance) -> Asker:
    """Whom a question is counted for.

    On a restricted socket that is a user, whatever the program: whoever is shut in
    there gives programs any name, that of one of the person's own, too.
    """
    program = allowance.program
    if allowance.socket_made_at is not None:
        program = Program(uid=program.uid)
    return allowance.socket, program


class QuestionLimits:
    """What was asked lately, and what came of it; all by the boot clock."""

    def __init__(self) -> None:
        self._asked: deque[Seconds] = deque()
        self._unanswered: OrderedDict[Asker, int] = OrderedDict()
        self._silent: OrderedDict[Asker, Seconds] = OrderedDict()
        self._denied: OrderedDict[Allowance, Seconds] = OrderedDict()

    def require_asking(
        self, allowance: Allowance, open_now: list[Allowance], now: Instant
    ) -> None:
        """Nothing, where the person may be asked about `allowance`; counted.

        Args:
            allowance: what would be asked.
            open_now: what open questions are about.
            now: this moment.

        Raises:
            NotPermittedError: it was just denied, or too much is asked.
        """
        asker = asker_of(allowance)
        if self._denied.get(allowance, Seconds(0)) > now.boot:
            _refuse("you said no a moment ago")
        if asker in self.silenced(now):
            _refuse(
                f"{MOST_UNANSWERED} questions about this program had no answer, so "
                "nothing is asked of it for a while; `brokerctl consents` shows it"
            )
        while self._asked and self._asked[0] <= now.boot - _MINUTE:
            self._asked.popleft()
        of_asker = [one for one in open_now if asker_of(one) == asker]
        if len(open_now) >= MOST_OPEN or len(of_asker) >= MOST_OPEN_OF_A_PROGRAM:
            _refuse("too many questions are open; answer them: `brokerctl approve`")
        if len(self._asked) >= MOST_A_MINUTE:
            _refuse(f"{MOST_A_MINUTE} questions a minute are enough; ask again later")
        self._asked.append(now.boot)

    def silenced(self, now: Instant) -> dict[Asker, Seconds]:
        """Those that nothing is asked of, and seconds until it is again."""
        return {
            asker: Seconds(until - now.boot)
            for asker, until in self._silent.items()
            if until > now.boot
        }

    def answered(self, allowance: Allowance) -> None:
        """The person is there after all."""
        self._unanswered.pop(asker_of(allowance), None)
        self._silent.pop(asker_of(allowance), None)

    def denied(self, allowance: Allowance, now: Instant) -> None:
        """The person said no."""
        _keep(self._denied, allowance, Seconds(now.boot + DENIED_FOR))

    def unanswered(self, allowance: Allowance, now: Instant) -> None:
        """Nobody said anything for as long as the question was open."""
        asker = asker_of(allowance)
        count = self._unanswered.get(asker, 0) + 1
        _keep(self._unanswered, asker, count)
        if count >= MOST_UNANSWERED:
            del self._unanswered[asker]
            _keep(self._silent, asker, Seconds(now.boot + SILENCE))

    def forget(self) -> None:
        """Ask about every program again."""
        self._unanswered.clear()
        self._silent.clear()
        self._denied.clear()


def _keep(kept: OrderedDict, key: object, value: object) -> None:  # type: ignore[type-arg]
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > _MOST_KEPT:
        kept.popitem(last=False)


def _refuse(why: str) -> None:
    raise NotPermittedError(what=why)
