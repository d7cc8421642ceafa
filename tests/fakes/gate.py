"""Who stands at the gate in the tests: a person, a look at programs, a count."""

import asyncio

from broker.model.errors import ConsentPendingError, NotPermittedError
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.model.question import Question
from broker.model.restriction import Restriction
from broker.model.time import Instant, Seconds


class FakeConsent:
    """A person whose answers a test has written down.

    Attributes:
        allowed: accounts that are allowed when asked about.
        denied: accounts that are denied; about others there is no answer.
        remembered: accounts whose earlier answer counts.
        asked: every question.
        is_away: whether whoever asks has to wait for ever.
        begun: set when somebody does.
        waiting: how many do.
    """

    def __init__(self) -> None:
        self.allowed: set[str] = set()
        self.denied: set[str] = set()
        self.remembered: set[str] = set()
        self.asked: list[Question] = []
        self.is_away = False
        self.begun = asyncio.Event()
        self.waiting = 0

    def remembers(self, question: Question) -> bool:
        return not question.every and question.account in self.remembered

    async def ask(self, question: Question, wait: Seconds) -> str:
        del wait
        self.asked.append(question)
        if self.is_away:
            self.waiting += 1
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.waiting -= 1
        if question.account in self.denied:
            raise NotPermittedError(what="you said no")
        if question.account not in self.allowed:
            raise ConsentPendingError(account=question.account, question="q1")
        return "you, once"


class FakeLooker:
    """Knows of every program what a test has written down.

    Attributes:
        facts: of whoever asks; None for nothing but the uid and the pid.
        looks: how often it was looked.
    """

    def __init__(self) -> None:
        self.facts: PeerFacts | None = None
        self.looks = 0

    def look(self, connected: SocketOptions, peer: Peer) -> PeerFacts:
        del connected
        self.looks += 1
        return self.facts or PeerFacts(uid=peer.uid, pid=peer.pid)

    def label(self, connected: SocketOptions, peer: Peer) -> PeerFacts:
        return self.look(connected, peer)


class FakeUsage:
    """Counts, and refuses when a test says so.

    Attributes:
        counted: tokens, by the name of the socket.
        used: uses, by the name of the socket.
        is_spent: whether nothing is left.
    """

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.used: list[str] = []
        self.is_spent = False

    def count(self, restriction: Restriction, now: Instant) -> None:
        del now
        self._require_some(restriction)
        self.counted.append(restriction.name)

    async def use_up(self, restriction: Restriction) -> None:
        self._require_some(restriction)
        self.used.append(restriction.name)

    def _require_some(self, restriction: Restriction) -> None:
        if self.is_spent:
            raise NotPermittedError(what=f"{restriction.name!r} is spent")
