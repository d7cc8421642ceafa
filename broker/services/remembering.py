"""What the person has said before, whichever store is open; and what is to be kept.

Knows no open question: what was asked, and by whom, are arguments.
"""

import asyncio
from collections.abc import Callable

from broker.model.account import AccountName
from broker.model.consent import (
    Allowance,
    Answer,
    Consent,
    SessionConsent,
    program_of,
    session_of,
)
from broker.model.policy import Operation
from broker.model.question import Question
from broker.model.restriction import SocketName
from broker.model.store import VaultState
from broker.model.time import Seconds
from broker.services.interfaces import Clock
from broker.services.lineage import people
from broker.services.opened import Opened
from broker.services.remembered import Remembered
from broker.services.vault import Vault

ID_BYTES = 4
"""Of a question or a consent. It is typed by people, and protects nothing."""

PASS_LIFE = Seconds(120)
"""For whoever did not wait: within it the program has to come back after a yes."""


class Remembering:
    """Finds answers and keeps them.

    Args:
        random: gives so many random bytes.
    """

    def __init__(
        self, *, vault: Vault, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._random = random
        self._passes: dict[Allowance, Seconds] = {}
        self._loaded: tuple[Opened, Remembered] | None = None
        self._loading = asyncio.Lock()
        self._changing = asyncio.Lock()

    def new_id(self) -> str:
        """Another one each time."""
        return self._random(ID_BYTES).hex()

    def at_hand(self, opened: Opened) -> Remembered | None:
        """What is remembered in this store, where it has been read."""
        if self._loaded is None or self._loaded[0] is not opened:
            return None
        return self._loaded[1]

    async def of(self, opened: Opened) -> Remembered:
        """What is remembered in this store; read once for each opening."""
        async with self._loading:
            remembered = self.at_hand(opened)
            if remembered is None:
                remembered = Remembered(opened.settings)
                await remembered.load()
                self._loaded = (opened, remembered)
            remembered.forget_where(lambda one: _has_ended(opened, one))
            return remembered

    async def now(self) -> Remembered | None:
        """What is remembered; None before there is a store.

        Raises:
            BrokerError: the store is locked.
        """
        if self._vault.state is VaultState.NONE:
            return None
        return await self.of(self._vault.require_open())

    def rule(
        self, remembered: Remembered, question: Question, about: Allowance
    ) -> str | None:
        """The rule by which it is allowed already, or None."""
        if question.every or not about.program.is_known:
            return None
        return remembered.allows(about, session_of(question.facts), self._clock.now())

    def take_pass(self, about: Allowance) -> bool:
        """Whether it was allowed once while nobody waited; no longer from then on."""
        return self._passes.pop(about, Seconds(0)) > self._clock.now().boot

    def keep_pass(self, about: Allowance) -> None:
        """Let the next who asks for it pass."""
        now = self._clock.now().boot
        kept = {key: until for key, until in self._passes.items() if until > now}
        self._passes = {**kept, about: Seconds(now + PASS_LIFE)}

    async def keep(self, question: Question, about: Allowance, answer: Answer) -> None:
        """Keep an answer for a session, or for good; others are not kept.

        Raises:
            BrokerError: the store is locked, or the disk refused.
        """
        now, session = self._clock.now(), session_of(question.facts)
        if answer is Answer.SESSION and session is not None:
            remembered = await self.of(self._vault.require_open())
            remembered.add_for_session(
                SessionConsent(
                    consent_id=self.new_id(),
                    allowance=about,
                    session=session,
                    given=now,
                    used=now,
                )
            )
        elif answer is Answer.ALWAYS:
            consent = Consent(
                consent_id=self.new_id(), allowance=about, given_at=now.wall
            )
            async with self._changing:
                remembered = await self.of(self._vault.require_open())
                await remembered.add(consent)

    async def revoke(self, consent_id: str | None) -> None:
        """Forget an answer, or all of them.

        Raises:
            UnknownConsentError: there is none of this id.
            BrokerError: the store is locked, or the disk refused.
        """
        remembered = await self.of(self._vault.require_open())
        async with self._changing:
            if consent_id is None:
                self._passes.clear()
                await remembered.revoke_all()
            else:
                await remembered.revoke(consent_id, self._clock.now())

    async def forget_account(self, account: AccountName) -> None:
        """Forget all about an account.

        Raises:
            BrokerError: the store is locked, or the disk refused.
        """
        remembered = await self.of(self._vault.require_open())
        async with self._changing:
            await remembered.forget_account(account)

    def locked(self) -> None:
        """The store is closed: nothing of it stays in memory."""
        self._loaded = None
        self._passes.clear()


def _has_ended(opened: Opened, about: Allowance) -> bool:
    """Whether it is about a restricted socket that is not there any more."""
    if about.socket_made_at is None:
        return False
    record = opened.sockets.find(SocketName(about.socket))
    return record is None or record.restriction.made_at != about.socket_made_at


def allowance(opened: Opened, question: Question) -> Allowance:
    """What a question is about.

    Raises:
        BrokerError: nothing of that can be had, whatever the person says.
    """
    # Of a view it is what it views: whose scopes these are, and who has signed in.
    # An ID token is for its audience alone, whatever the account's tokens are for.
    audience = question.resource if question.operation is Operation.ID_TOKEN else None
    resource = None if audience is not None else question.resource
    key = opened.tokens.key(question.account, question.scopes, resource)
    grant = opened.grants.get(key.account)
    return Allowance(
        account=question.account,
        issuer=grant.account.issuer.url,
        people=people(opened.grants, opened.grants.get(question.account)),
        operation=question.operation,
        scopes=grant.scopes if key.scopes is None else key.scopes,
        resource=audience or key.resource,
        socket=question.socket,
        program=program_of(question.facts),
        socket_made_at=question.socket_made_at,
    )
