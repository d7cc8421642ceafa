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


class QuestionLimits:
    """What was asked lately, and what came of it; all by the boot clock."""

    def __init__(self) -> None:
        self._asked: deque[Seconds] = deque()
        self._unanswered: OrderedDict[Program, int] = OrderedDict()
        self._silent: OrderedDict[Program, Seconds] = OrderedDict()
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
        program = allowance.program
        if self._denied.get(allowance, Seconds(0)) > now.boot:
            _refuse("you said no a moment ago")
        if program in self.silenced(now):
            _refuse(
                f"{MOST_UNANSWERED} questions about this program had no answer, so "
                "nothing is asked of it for a while; `brokerctl consents` shows it"
            )
        of_program = [one for one in open_now if one.program == program]
        while self._asked and self._asked[0] <= now.boot - _MINUTE:
            self._asked.popleft()
        if (
            len(open_now) >= MOST_OPEN
            or len(of_program) >= MOST_OPEN_OF_A_PROGRAM
            or len(self._asked) >= MOST_A_MINUTE
        ):
            _refuse("too many questions are open; answer them: `brokerctl approve`")
        self._asked.append(now.boot)

    def silenced(self, now: Instant) -> dict[Program, Seconds]:
        """The programs that nothing is asked of, and seconds until it is again."""
        return {
            program: Seconds(until - now.boot)
            for program, until in self._silent.items()
            if until > now.boot
        }

    def answered(self, allowance: Allowance) -> None:
        """The person is there after all."""
        self._unanswered.pop(allowance.program, None)
        self._silent.pop(allowance.program, None)

    def denied(self, allowance: Allowance, now: Instant) -> None:
        """The person said no."""
        _keep(self._denied, allowance, Seconds(now.boot + DENIED_FOR))

    def unanswered(self, allowance: Allowance, now: Instant) -> None:
        """Nobody said anything for as long as the question was open."""
        program = allowance.program
        count = self._unanswered.get(program, 0) + 1
        _keep(self._unanswered, program, count)
        if count >= MOST_UNANSWERED:
            del self._unanswered[program]
            _keep(self._silent, program, Seconds(now.boot + SILENCE))

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
