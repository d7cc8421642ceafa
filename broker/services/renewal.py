"""Early renewal: a token in use is renewed before anyone has to wait for a new one.

One timer for all tokens, and none where no token was asked for.
"""

import asyncio
import logging
from collections.abc import Callable

from broker.model.account import AccountName
from broker.model.errors import BrokerError
from broker.model.time import Seconds
from broker.model.token import AccessToken
from broker.services.circuit import Circuits
from broker.services.concerns import CONCERNS, Concern
from broker.services.grants import Grants
from broker.services.interfaces import Clock
from broker.services.token_cache import CACHED_TOKENS, TokenCache, TokenKey
from broker.services.turns import Turns

log = logging.getLogger(__name__)

LEAD = (Seconds(420), Seconds(600))
"""Before the end. Node's library calls a token dead 300 seconds before it, Google's for
Python 225; two minutes on top are for an issuer that is slow, or down for a moment."""

SHORT_LEAD = (0.6, 0.7)
"""Of a life too short for `LEAD`: a peer whose min_ttl is longer than the life has a
newer token once half of it is gone."""

LEAST_LIFE = Seconds(60)
"""What lives less is renewed for whoever asks: ahead of time it would be for ever."""

TRY_AGAIN = Seconds(30)
"""After a failure that is not the issuer's, such as a long queue."""


def renewal_age(life: Seconds | None, chance: float) -> Seconds | None:
    """The age at which a token in use is renewed, or None for never.

    Args:
        life: of the token, in seconds; None where it has no end.
        chance: from 0 to 1: so that tokens of one moment are not renewed at one.
    """
    if life is None or life < LEAST_LIFE:
        return None
    leads = (
        low + (high - low) * chance
        for low, high in (LEAD, (SHORT_LEAD[0] * life, SHORT_LEAD[1] * life))
    )
    return Seconds(life - min(leads))


class EarlyRenewal:
    """Renews in the background; wakes nobody, and fails for nobody."""

    def __init__(
        self,
        *,
        grants: Grants,
        cache: TokenCache,
        circuits: Circuits,
        turns: Turns,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._grants = grants
        self._cache = cache
        self._circuits = circuits
        self._turns = turns
        self._clock = clock
        self._jitter = jitter
        self._due: dict[TokenKey, tuple[Seconds, AccessToken]] = {}
        self._timer: asyncio.Task[None] | None = None
        self._armed_for = Seconds(0)
        self._closed = False

    def used(self, slot: TokenKey) -> None:
        """The token in this slot of the cache was asked for. Cheap but for once."""
        if not self._cache.ask(slot):
            return
        token, grant = self._cache.at(slot), self._grants.find(slot.account)
        if token is None or grant is None or not grant.is_renewable:
            return
        age = renewal_age(token.life, self._jitter())
        if age is not None:
            self._plan(slot, token, Seconds(token.obtained.boot + age))

    def forget(self, account: AccountName) -> None:
        """Renew nothing for this account any more."""
        for slot in [slot for slot in self._due if slot.account == account]:
            del self._due[slot]
        if not self._due:
            self._disarm()

    def close(self) -> None:
        """Renew nothing any more; the timer ends."""
        self._closed = True
        self._due.clear()
        self._disarm()

    def _plan(self, slot: TokenKey, token: AccessToken, at: Seconds) -> None:
        is_full = len(self._due) >= CACHED_TOKENS and slot not in self._due
        if self._closed or is_full:
            return
        self._due[slot] = (at, token)
        is_armed = self._timer is not None and not self._timer.done()
        if is_armed and self._armed_for <= at:
            return
        self._disarm()
        self._armed_for = at
        self._timer = asyncio.create_task(self._wait(), name="early renewal")

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _wait(self) -> None:
        """Until nothing is due any more."""
        while self._due:
            self._armed_for = min(at for at, _ in self._due.values())
            left = self._armed_for - self._clock.now().boot
            await self._clock.sleep(Seconds(left))
            now = self._clock.now().boot
            for slot, (at, token) in list(self._due.items()):
                if at <= now:
                    del self._due[slot]
                    self._renew(slot, token)

    def _renew(self, slot: TokenKey, token: AccessToken) -> None:
        left = token.left(self._clock.now())
        if self._cache.at(slot) is not token or left is None or left <= 0:
            return
        try:
            task = self._turns.begin(slot, token)
        except BrokerError as exc:
            self._failed(slot, token, exc)
            return
        task.add_done_callback(lambda done: self._ended(slot, token, done))

    def _ended(
        self, slot: TokenKey, token: AccessToken, task: asyncio.Task[AccessToken]
    ) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, BrokerError):
            self._failed(slot, token, error)
        elif error is not None:
            log.error("token.renewal.failed account=%s", slot.account, exc_info=error)

    def _failed(self, slot: TokenKey, token: AccessToken, error: BrokerError) -> None:
        """Try again in a while: whether that is still wanted is looked at then."""
        log.debug("token.renewal.failed account=%s code=%s", slot.account, error.code)
        grant, now = self._grants.find(slot.account), self._clock.now().boot
        if grant is None or CONCERNS.get(type(error)) is Concern.GRANT:
            return
        held = self._circuits.next_try(grant.account, slot)
        self._plan(slot, token, held if held > now else Seconds(now + TRY_AGAIN))
