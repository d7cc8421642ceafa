"""What is still to be revoked after log-outs: tried until the issuer has said yes.

In the background, over restarts and locks. One task for all, and none where nothing is
left. Knows no account: a person who logs out has none any more.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import msgspec

from broker.model.account import AccountName
from broker.model.errors import StoreFailedError
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.leaving import ends_at, leaving_since, left_account
from broker.model.time import Seconds, UnixTime
from broker.model.token import AccessToken
from broker.model.unattended import View
from broker.oauth.revocation import Revocation, RevocationAnswer
from broker.services.circuit import pause
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.interfaces import Clock
from broker.services.revoker import Ending, Revoker, unanswered
from broker.services.waits import first

log = logging.getLogger(__name__)

FIRST_PAUSE = Seconds(60)
LONGEST_PAUSE = Seconds(6 * 3600)
GIVEN_UP_AFTER = Seconds(30 * 86_400)
"""An issuer that has not answered for a month is gone, or has forgotten us."""


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """A grant that the issuer has not revoked yet, for people.

    Attributes:
        account: whose it was.
        issuer: where it still stands.
        since: when the person logged out.
        next_try: not before then, on the wall clock.
        what: what was met the last time; None where it was not tried lately.
    """

    account: AccountName
    issuer: str
    since: UnixTime
    next_try: UnixTime
    what: str | None


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """When it is tried next.

    Attributes:
        due: on the boot clock.
        failures: in a row.
        what: see `Leaving`.
    """

    due: Seconds
    failures: int = 0
    what: str | None = None


class Leaver:
    """Asks issuers to revoke what log-outs have left.

    Attributes:
        revoker: asks once.
    """

    def __init__(
        self,
        *,
        grants: Grants,
        revoker: Revoker,
        clock: Clock,
        events: Events,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Begin with nothing to do.

        Args:
            grants: that are leaving.
            revoker: asks the issuers.
            clock: time.
            events: where the end is told.
            jitter: from 0 to 1.
        """
        self._grants = grants
        self.revoker = revoker
        self._clock = clock
        self._events = events
        self._jitter = jitter
        self._plans: dict[AccountName, _Plan] = {}
        # In memory alone, as all access tokens: after a restart they are left to
        # their end, or to an issuer that ends them with the refresh token.
        self._living: dict[AccountName, Sequence[AccessToken]] = {}
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Plan what was read from the store, or was cut off, and is not planned yet."""
        for leaving in self._grants.leaving():
            if leaving.account.name not in self._plans:
                self._plan(leaving, _Plan(due=self._in(FIRST_PAUSE * self._jitter())))

    def hurry(self, issuer: str) -> None:
        """A person is about to sign in there: try what is left there at once.

        There are issuers that end all that one program has of a person with any of it:
        later, that could end the new sign-in.
        """
        for leaving in self._grants.leaving():
            if leaving.account.issuer.url == issuer:
                self._plan(leaving, _Plan(due=self._in(0)))

    def listed(self) -> list[Leaving]:
        """What is left, the oldest first."""
        now, listed = self._clock.now(), []
        for grant in sorted(self._grants.leaving(), key=leaving_since):
            plan = self._plans.get(grant.account.name, _Plan(due=now.boot))
            listed.append(
                Leaving(
                    account=left_account(grant),
                    issuer=grant.account.issuer.url,
                    since=leaving_since(grant),
                    next_try=UnixTime(now.wall + max(plan.due - now.boot, 0)),
                    what=plan.what,
                )
            )
        return listed

    async def try_now(self, leaving: Grant, living: Sequence[AccessToken]) -> Ending:
        """Try for a person who waits; what that leaves is tried again by itself.

        Args:
            leaving: as it was saved.
            living: access tokens of it that have not ended.
        """
        if living:
            self._living[leaving.account.name] = living
        try:
            return await self._try(leaving)
        finally:
            self.look()  # where that was cut off

    async def close(self) -> None:
        """Try nothing any more; what is left is in the store."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        """Until nothing is left."""
        while planned := self._planned():
            self._sooner.clear()
            due = min(plan.due for _, plan in planned)
            await first(self._sooner, self._clock, self._until(due))
            for leaving, plan in self._planned():
                if self._until(plan.due) <= 0:
                    await self._try_by_itself(leaving)

    def _planned(self) -> list[tuple[Grant, _Plan]]:
        """What is left. A login may have taken one back, and its plan with it."""
        plans, leaving = self._plans, self._grants.leaving()
        left = [(g, plans[g.account.name]) for g in leaving if g.account.name in plans]
        self._plans = {grant.account.name: plan for grant, plan in left}
        return left

    async def _try_by_itself(self, leaving: Grant) -> None:
        try:
            await self._try(leaving)
        except Exception:
            # Our bug. Nobody else would try the others.
            log.exception("grant.leaving.failed account=%s", left_account(leaving))
            self._later(leaving, unanswered("an error of the broker, see its log"))

    async def _try(self, leaving: Grant) -> Ending:
        living = self._living.get(leaving.account.name, ())
        is_used = self._is_client_used(leaving)
        ending = await self.revoker.end(leaving, living, is_client_used=is_used)
        try:
            await self._concluded(leaving, ending.rest)
        except StoreFailedError as exc:
            # Asked once more, the issuer will say that it is gone.
            self._later(leaving, unanswered(exc.what))
        return ending

    def _is_client_used(self, leaving: Grant) -> bool:
        """Whether an account uses its client, or needs it to leave."""
        if leaving.account.client.registration is None:
            return False
        grants = self._grants
        others = [each for each in grants.leaving() if each != leaving]
        # A view asks for nothing itself, and is not in the way of what it was made of.
        own = [e for e in grants.all() if not isinstance(e.unattended, View)]
        return any(_client(each) == _client(leaving) for each in own + others)

    async def _concluded(self, leaving: Grant, answer: RevocationAnswer) -> None:
        """Forget what has an end; plan the rest."""
        now, end = self._clock.now().wall, ends_at(leaving)
        match answer.outcome:
            case Revocation.ENDED:
                await self._forget(leaving, EventKind.REVOKED, None)
            case Revocation.REFUSED:
                reason = f"the issuer revokes no such token: {answer.what}"
                await self._forget(leaving, EventKind.NOT_REVOKED, reason)
            case Revocation.OPEN if end is not None and end <= now:
                await self._forget(leaving, EventKind.REVOKED, "it has ended by itself")
            case Revocation.OPEN if leaving_since(leaving) + GIVEN_UP_AFTER <= now:
                reason = f"given up after a month: {answer.what}"
                await self._forget(leaving, EventKind.NOT_REVOKED, reason)
            case Revocation.OPEN:
                self._later(leaving, answer)

    async def _forget(
        self, leaving: Grant, kind: EventKind, reason: str | None
    ) -> None:
        await self._grants.gone(leaving)
        name, account = leaving.account.name, left_account(leaving)
        self._plans.pop(name, None)
        self._living.pop(name, None)
        log.info("grant.%s account=%s reason=%r", kind.value, account, reason)
        self._events.publish(
            Event(
                kind=kind,
                at=self._clock.now().wall,
                account=account,
                issuer=leaving.account.issuer.url,
                reason=reason,
            )
        )

    def _later(self, leaving: Grant, answer: RevocationAnswer) -> None:
        plan = self._plans.get(leaving.account.name)
        failures = 1 + (0 if plan is None else plan.failures)
        wait = pause(FIRST_PAUSE, failures, self._jitter(), longest=LONGEST_PAUSE)
        due = self._in(max(wait, answer.retry_after or 0))
        account = left_account(leaving)
        log.info("grant.not_yet_revoked account=%s what=%r", account, answer.what)
        self._plan(leaving, _Plan(due=due, failures=failures, what=answer.what))

    def _plan(self, leaving: Grant, plan: _Plan) -> None:
        self._plans[leaving.account.name] = plan
        self._sooner.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="revoke what is left")

    def _in(self, seconds: float) -> Seconds:
        return Seconds(self._clock.now().boot + seconds)

    def _until(self, due: Seconds) -> Seconds:
        return Seconds(due - self._clock.now().boot)


def _client(grant: Grant) -> tuple[str, str]:
    return grant.account.issuer.url, grant.account.client.client_id
