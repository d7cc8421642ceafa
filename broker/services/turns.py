"""One refresh at a time for each grant: joined by all who want it, in turn.

Knows no freshness: who needs a new token has decided that already.
"""

import asyncio
import logging
from weakref import WeakValueDictionary

from broker.model.account import AccountName
from broker.model.errors import (
    AccountBusyError,
    StoppingError,
)
from broker.model.grant import Grant, require_live
from broker.model.token import AccessToken
from broker.services.circuit import Circuits
from broker.services.grants import Grants
from broker.services.refresh import Refresher
from broker.services.token_cache import TokenCache, TokenKey

log = logging.getLogger(__name__)

MOST_WAITING = 32
"""Different tokens of one grant that wait for their turn."""


class Turns:
    """The refreshes under way, and those that wait behind them."""

    def __init__(
        self,
        *,
        grants: Grants,
        cache: TokenCache,
        refresher: Refresher,
        circuits: Circuits,
    ) -> None:
        self._grants = grants
        self._cache = cache
        self._refresher = refresher
        self._circuits = circuits
        self._refreshes: dict[TokenKey, asyncio.Task[AccessToken]] = {}
        # Each as long as somebody holds it or stands in line: accounts come and go.
        self._turns: WeakValueDictionary[AccountName, asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._closing = False
        self._settled: asyncio.Event | None = None
        """What those wait for that are wanted while others settle."""

    def turn(self, account: AccountName) -> asyncio.Lock:
        """Held by whoever spends the account's refresh token, one at a time."""
        return self._turns.setdefault(account, asyncio.Lock())

    def is_under_way(self, key: TokenKey) -> bool:
        """Whether this very token is being asked for."""
        return key in self._refreshes

    async def join(self, key: TokenKey, seen: AccessToken | None) -> AccessToken:
        """The outcome of the refresh, begun where it is not under way.

        Args:
            key: what is asked for.
            seen: the token that will not do. A newer one, where there is one by the
                time it is our turn, is the outcome.

        Raises:
            AccountBusyError: too many others wait for the same grant.
            BrokerError: whatever ended the refresh; everyone who waits gets the same.
        """
        # Shielded: a peer that hangs up leaves the refresh running for the others.
        return await asyncio.shield(self.begin(key, seen))

    def begin(
        self, key: TokenKey, seen: AccessToken | None
    ) -> asyncio.Task[AccessToken]:
        """The refresh, begun where it is not under way. See `join`."""
        task = self._refreshes.get(key)
        if task is None:
            self._require_room(key)
            # What a refresh under way needs of another account is awaited with it: it
            # would stand still for whoever waits for that very refresh.
            is_needed = asyncio.current_task() in self._refreshes.values()
            task = asyncio.create_task(
                self._in_turn(key, seen, None if is_needed else self._settled),
                name=f"refresh {key.account}",
            )
            self._refreshes[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def begin_to_close(self) -> None:
        """Begin no refresh from now on; the one on the wire ends, and is saved."""
        self._closing = True

    async def close(self) -> None:
        """Let the refreshes under way end: their new refresh tokens must be saved."""
        self.begin_to_close()
        await self.settle()

    async def settle(self) -> None:
        """Return when no refresh is under way, and all that they gave is saved or kept.

        Those that are wanted meanwhile stand still until then: programs that go on
        asking would put it off for ever. Another may begin as soon as the caller waits
        for anything.
        """
        self._settled = settled = asyncio.Event()
        try:
            await asyncio.gather(*self._refreshes.values(), return_exceptions=True)
        finally:
            self._settled = None
            settled.set()

    def _require_room(self, key: TokenKey) -> None:
        """Nothing, where a refresh of this grant may begin or stand in line."""
        grant = self._grants.get(key.account)
        if grant.is_renewable:
            # Said at once, and not in turn: the one that fails may take half a minute.
            self._circuits.require(grant.account, self._cache.slot(key))
        waiting = sum(each.account == key.account for each in self._refreshes)
        if waiting >= MOST_WAITING:
            raise AccountBusyError(account=key.account, waiting=waiting)

    def _ended(self, key: TokenKey, task: asyncio.Task[AccessToken]) -> None:
        del self._refreshes[key]
        # Every waiter may have hung up; the exception is then looked at by nobody.
        if not task.cancelled():
            task.exception()

    async def _in_turn(
        self, key: TokenKey, seen: AccessToken | None, after: asyncio.Event | None
    ) -> AccessToken:
        """Refresh when no other refresh of the same grant is under way.

        A second request with the same rotating refresh token would make the
        issuer revoke the whole grant (RFC 9700 section 4.14.2).

        Args:
            key: what is asked for.
            seen: see `join`.
            after: to be waited for first, or None.
        """
        if after is not None:
            await after.wait()
        async with self.turn(key.account):
            # Those that waited for their turn would keep the daemon from ending, until
            # the service manager kills it in the middle of a rotation.
            if self._closing:
                raise StoppingError
            # Read again, and looked at again: a peer that read the old grant late
            # would otherwise send a retired refresh token.
            grant = await self._grants.reload(key.account)
            require_live(grant)
            newer = self._cache.find(key)
            if newer is not None and newer is not seen:
                return newer
            return await self._refresh(self._cache.slot(key), grant)

    async def _refresh(self, slot: TokenKey, grant: Grant) -> AccessToken:
        if not grant.is_renewable:
            return await self._refresher.refresh(slot, grant)
        with self._circuits.attempt(grant.account, slot):
            token = await self._refresher.refresh(slot, grant)
        if slot.scopes is not None and slot.resource is None:
            self._note_narrowing(grant, token)
        return token

    def _note_narrowing(self, grant: Grant, token: AccessToken) -> None:
        """An issuer that gives all of it, whatever is asked, need not be asked again
        for each set of scopes; peers are told what their token can do.
        """
        if token.scopes >= grant.scopes:
            log.info("token.not_narrowed account=%s", grant.account.name)
            self._cache.give_whole(grant.account)
            whole = TokenKey(account=grant.account.name, scopes=None, resource=None)
            self._cache.put(whole, token)
