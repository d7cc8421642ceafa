"""Between whoever asks and the tokens: the socket, then the policy, then the person.

Decides nothing itself: `model.policy` and `narrowing` do, and what the person says. A
request that nobody need be asked about passes without waiting.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import msgspec

from broker.model.account import AccountName
from broker.model.errors import NotPermittedError
from broker.model.late import Late
from broker.model.peer import Peer, Socket, SocketOptions
from broker.model.peer_facts import PeerFacts
from broker.model.policy import (
    Decision,
    Labels,
    Operation,
    Verdict,
    labels,
    strictest,
)
from broker.model.question import Question
from broker.model.restriction import Confirm, Restriction
from broker.services.interfaces import Clock, Consent, PeerLooker, Usage
from broker.services.lineage import same_tokens
from broker.services.narrowing import narrowed, within
from broker.services.opened import Opened
from broker.services.served import TokenServed, TokenWanted
from broker.services.socket_records import SocketRecord


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and through which door.

    Attributes:
        connected: its connection, by which more can be learned of it.
        awaited: what is done within it ends, cancelled, where the asker hangs up.
    """

    socket: Socket
    peer: Peer
    connected: SocketOptions | None = None
    awaited: Callable[[], AbstractContextManager[None]] = nullcontext


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What is let through: the request, as narrow as it must be, and by which rule."""

    wanted: TokenWanted
    rule: str


class Gate:
    """What may pass.

    Args:
        looker: at programs, where a rule or a question needs it.
        consent: the person's answers.
        usage: how much of what was allowed to restricted sockets is left.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        looker: Late[PeerLooker],
        consent: Late[Consent],
        usage: Late[Usage],
    ) -> None:
        self._clock = clock
        self._looker = looker
        self._consent = consent
        self._usage = usage

    def now(
        self, opened: Opened, asker: Asker, operation: Operation, wanted: TokenWanted
    ) -> Passage | None:
        """What passes without waiting; None where that is not yet known.

        Raises:
            NotPermittedError: it does not pass.
            BrokerError: there is no such account.
        """
        wanted, decision, question = self._look(opened, asker, operation, wanted)
        restriction = asker.socket.restriction
        if restriction is not None and restriction.uses is not None:
            return None  # that it is used is saved first
        if question is None or self._consent.get().remembers(question):
            return Passage(wanted=wanted, rule=decision.rule)
        return None

    def narrow(
        self, opened: Opened, asker: Asker, operation: Operation, wanted: TokenWanted
    ) -> Passage:
        """What may pass of a request that nobody is asked about.

        Raises:
            NotPermittedError: nothing.
            BrokerError: there is no such account.
        """
        wanted, decision, _ = self._look(opened, asker, operation, wanted)
        return Passage(wanted=wanted, rule=decision.rule)

    async def wait(
        self, opened: Opened, asker: Asker, operation: Operation, wanted: TokenWanted
    ) -> Passage:
        """What passes, the person asked first where that must be.

        Raises:
            NotPermittedError: it does not pass.
            ConsentPendingError: nobody has answered in the time that it waits.
            BrokerError: there is no such account.
        """
        patience = wanted.wait
        wanted, decision, question = self._look(opened, asker, operation, wanted)
        rule = decision.rule
        if question is not None:
            # The account that was asked about, whatever is the default by then.
            wanted = msgspec.structs.replace(wanted, account=question.account)
            # An answer for once is for those who are there to get it.
            with asker.awaited():
                rule = await self._consent.get().ask(question, patience)
        return Passage(wanted=wanted, rule=rule)

    def require_living(self, asker: Asker) -> None:
        """Nothing, where the socket's end has not come.

        It is closed then, but by the boot clock: somebody may have moved the other one,
        and the stricter of the two decides.

        Raises:
            NotPermittedError: it has.
        """
        restriction = asker.socket.restriction
        if restriction is None or restriction.expires_at is None:
            return
        if restriction.expires_at <= self._clock.now().wall:
            raise NotPermittedError(what=f"{restriction.name!r} has expired")

    def count(self, asker: Asker) -> None:
        """One more of what the socket gives, before its issuer is asked for it.

        Else a peer that gets no more could have the issuer asked all the same, as often
        as it likes.

        Raises:
            NotPermittedError: the socket has none left to give.
            TooManyRequestsError: it has given as many as it may for now.
        """
        restriction = asker.socket.restriction
        if restriction is None or (restriction.rate, restriction.uses) == (None, None):
            return
        self._usage.get().count(restriction, self._clock.now())

    def within(self, asker: Asker, served: TokenServed) -> TokenServed:
        """What the asker gets of `served`, which has passed.

        Raises:
            NotPermittedError: the token can do more than the socket is for.
        """
        restriction = asker.socket.restriction
        if restriction is None:
            return served
        return within(restriction, served, self._clock.now())

    async def use_up(self, asker: Asker) -> None:
        """Count one use of a socket that has a number of them; saved when it returns.

        Raises:
            NotPermittedError: it has none left.
        """
        restriction = asker.socket.restriction
        if restriction is not None and restriction.uses is not None:
            await self._usage.get().use_up(restriction)

    def _look(
        self, opened: Opened, asker: Asker, operation: Operation, wanted: TokenWanted
    ) -> tuple[TokenWanted, Decision, Question | None]:
        """The request as narrow as must be, the decision, and what is to be asked."""
        restriction = asker.socket.restriction
        self.require_living(asker)
        if restriction is None:
            account = opened.grants.named_or_default(wanted.account)
            decision = by_policy(opened, account, lambda: labels(self._facts(asker)))
        else:
            wanted = narrowed(restriction, operation, wanted)
            account = opened.grants.named_or_default(wanted.account)
            decision = _of_socket(restriction)
        if decision.verdict is Verdict.DENY:
            what = f"the policy denies it for {account} ({decision.rule})"
            raise NotPermittedError(what=what, rule=decision.rule)
        # A proof is of no use without its token, and about that one was asked.
        if decision.verdict is Verdict.ALLOW or operation is Operation.DPOP_PROOF:
            return wanted, decision, None
        return wanted, decision, self._question(asker, operation, wanted, account)

    def _question(
        self,
        asker: Asker,
        operation: Operation,
        wanted: TokenWanted,
        account: AccountName,
    ) -> Question:
        restriction = asker.socket.restriction
        return Question(
            account=account,
            operation=operation,
            scopes=wanted.scopes,
            resource=wanted.audience or wanted.resource,
            socket=asker.socket.name,
            socket_made_at=None if restriction is None else restriction.made_at,
            facts=self._facts(asker),
            every=restriction is not None and restriction.confirm is Confirm.ALWAYS,
        )

    def _facts(self, asker: Asker) -> PeerFacts:
        if asker.connected is None:
            return PeerFacts(uid=asker.peer.uid, pid=asker.peer.pid)
        return self._looker.get().look(asker.connected, asker.peer)


def by_policy(
    opened: Opened, account: AccountName, look: Callable[[], Labels]
) -> Decision:
    """What the person's policy says of a token of `account` on the admin socket.

    Raises:
        UnknownAccountError, LoginRequiredError: there is none.
    """
    names = same_tokens(opened.grants, account)
    return strictest(opened.policies.current, names, look)


def by_socket(
    record: SocketRecord, operation: Operation, wanted: TokenWanted
) -> Decision:
    """What a restricted socket says of a request, and why it refuses it."""
    restriction = record.restriction
    try:
        narrowed(restriction, operation, wanted)
        record.require_left()
    except NotPermittedError as exc:
        rule = f"socket {restriction.name}"
        return Decision(verdict=Verdict.DENY, rule=rule, why=exc.what)
    return _of_socket(restriction)


_OF_CONFIRM = {
    Confirm.NEVER: Verdict.ALLOW,
    Confirm.FIRST: Verdict.ASK,
    Confirm.ALWAYS: Verdict.ASK,
}


def _of_socket(restriction: Restriction) -> Decision:
    verdict = _OF_CONFIRM[restriction.confirm]
    return Decision(verdict=verdict, rule=f"socket {restriction.name}")
