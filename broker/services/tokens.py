"""Access tokens: cached, or from the one refresh that is under way for a grant.

Knows no peer and no socket.
"""

import asyncio

from broker.model.account import AccountName
from broker.model.errors import (
    GrantChangedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginRequiredError,
    ScopeNotGrantedError,
    StoppingError,
)
from broker.model.grant import IntentCause
from broker.model.time import Instant, Seconds
from broker.model.token import AccessToken, Freshness, Scopes
from broker.services.events import Events
from broker.services.grants import Grants, require_live
from broker.services.interfaces import Clock, HttpSender
from broker.services.refresh import Refresher
from broker.services.token_cache import TokenCache, TokenKey

REJECTION_PAUSE = Seconds(10)
"""A token younger than this is not refreshed again because an API refused it."""

_ATTEMPTS = 3

_NO_WORD_OF_THE_ISSUER = (
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
)
"""What says nothing about the grant: nothing is lost by it."""


class TokenService:
    """One cache, and one refresh at a time for each grant."""

    def __init__(
        self, *, grants: Grants, sender: HttpSender, clock: Clock, events: Events
    ) -> None:
        self._grants = grants
        self._clock = clock
        self._cache = TokenCache(grants)
        self._refresher = Refresher(
            grants=grants,
            cache=self._cache,
            sender=sender,
            clock=clock,
            events=events,
        )
        self._refreshes: dict[TokenKey, asyncio.Task[AccessToken]] = {}
        self._turns: dict[AccountName, asyncio.Lock] = {}
        self._closing = False

    def key(
        self, account: AccountName, scopes: Scopes | None, resource: str | None
    ) -> TokenKey:
        """What is to be asked for.

        Raises:
            UnknownAccountError: no account has this name.
            LoginRequiredError, ReauthenticationRequiredError: its grant gives none.
            ScopeNotGrantedError: more than was granted; nothing is ever widened.
        """
        grant = self._grants.get(account)
        require_live(grant)
        missing = (scopes or frozenset()) - grant.scopes
        if missing:
            raise ScopeNotGrantedError(account=account, missing=tuple(sorted(missing)))
        return TokenKey(account=account, scopes=scopes, resource=resource)

    def cached(self, key: TokenKey, min_ttl: Seconds) -> AccessToken | None:
        """A token that is fresh now, or None. Never waits."""
        token = self._cache.find(key)
        if token is None or not _is_fresh(token, self._clock.now(), min_ttl):
            return None
        return token

    def remember(self, key: TokenKey, token: AccessToken) -> None:
        """Keep a token that a login gave."""
        self._cache.put(key, token)

    def forget(self, account: AccountName) -> None:
        """Drop every token of an account."""
        self._cache.drop(account)

    async def token(
        self, key: TokenKey, min_ttl: Seconds, rejected: str | None = None
    ) -> AccessToken:
        """A token with at least `min_ttl` seconds left, or the freshest there is.

        Args:
            key: from `key()`.
            min_ttl: the seconds of life that the peer still needs.
            rejected: SHA-256 of a token that an API refused, in hex. It causes a
                refresh only if that is still the cached token.

        Raises:
            BrokerError: whatever ended the refresh; everyone who waits gets the same.
        """
        freshest = None
        for _ in range(_ATTEMPTS):
            seen = self._cache.find(key)
            if seen is not None and not self._must_renew(seen, min_ttl, rejected):
                return seen
            is_ours = key not in self._refreshes
            try:
                freshest = await self._join(key, seen)
            except GrantChangedError:
                # A login replaced the grant while the old one was being refreshed:
                # look again, the new grant has a token of its own.
                self.key(key.account, key.scopes, key.resource)
                continue
            except _NO_WORD_OF_THE_ISSUER:
                if seen is None or not self._still_lives(seen, rejected):
                    raise
                # A token with less life than was asked for is better than none.
                return seen
            # Looked at here, not in the refresh: each waiter has its own min_ttl, and
            # one who joined late may hold a token that has aged meanwhile. What was
            # begun for us is as fresh as a token can be.
            if is_ours or _is_fresh(freshest, self._clock.now(), min_ttl):
                break
        if freshest is None:
            raise GrantChangedError(account=key.account)
        self._refuse_rejected(key, freshest, rejected)
        return freshest

    def recover(self) -> None:
        """Find out what became of the refreshes that a crash cut off; never waits.

        At once: an issuer that takes a retired refresh token once more does so for
        seconds. Each is tried once, with exactly the token that was sent. One that was
        brought back from a backup waits until it is asked for: the machine that it
        comes from may be using it.
        """
        for grant in self._grants.all():
            intent = grant.intent
            if intent is not None and intent.cause is IntentCause.REFRESH:
                name = grant.account.name
                self._begin(TokenKey(account=name, scopes=None, resource=None), None)

    def turn(self, account: AccountName) -> asyncio.Lock:
        """Held by whoever spends the account's refresh token, one at a time."""
        return self._turns.setdefault(account, asyncio.Lock())

    def begin_to_close(self) -> None:
        """Begin no refresh from now on; the one on the wire ends, and is saved."""
        self._closing = True

    async def close(self) -> None:
        """Let the refreshes under way end: their new refresh tokens must be saved."""
        self.begin_to_close()
        while self._refreshes:
            await asyncio.gather(*self._refreshes.values(), return_exceptions=True)

    def _must_renew(
        self, token: AccessToken, min_ttl: Seconds, rejected: str | None
    ) -> bool:
        now = self._clock.now()
        if not _is_fresh(token, now, min_ttl):
            return True
        if rejected is None or not token.has_digest(rejected):
            return False
        # An API that refuses every token must not make us hammer the issuer.
        return now.boot - token.obtained.boot >= REJECTION_PAUSE

    def _still_lives(self, token: AccessToken, rejected: str | None) -> bool:
        if rejected is not None and token.has_digest(rejected):
            return False
        return _is_fresh(token, self._clock.now(), Seconds(0))

    def _refuse_rejected(
        self, key: TokenKey, token: AccessToken, rejected: str | None
    ) -> None:
        """Say so where the token that an API refused is all that there will ever be.

        The grant is not marked dead: that an API refused it is only a peer's word.
        """
        if rejected is None or not token.has_digest(rejected):
            return
        if self._grants.get(key.account).refresh_token is None:
            raise LoginRequiredError(
                account=key.account,
                reason="an API refused the token, and the issuer gave no refresh token",
            )

    async def _join(self, key: TokenKey, seen: AccessToken | None) -> AccessToken:
        task = self._refreshes.get(key) or self._begin(key, seen)
        # Shielded: a peer that hangs up leaves the refresh running for the others.
        return await asyncio.shield(task)

    def _begin(
        self, key: TokenKey, seen: AccessToken | None
    ) -> asyncio.Task[AccessToken]:
        task = asyncio.create_task(
            self._in_turn(key, seen), name=f"refresh {key.account}"
        )
        self._refreshes[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: TokenKey, task: asyncio.Task[AccessToken]) -> None:
        del self._refreshes[key]
        # Every waiter may have hung up; the exception is then looked at by nobody.
        if not task.cancelled():
            task.exception()

    async def _in_turn(self, key: TokenKey, seen: AccessToken | None) -> AccessToken:
        """Refresh when no other refresh of the same grant is under way.

        A second request with the same rotating refresh token would make the
        issuer revoke the whole grant (RFC 9700 section 4.14.2).
        """
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
            return await self._refresher.refresh(self._cache.slot(key), grant)


def _is_fresh(token: AccessToken, now: Instant, min_ttl: Seconds) -> bool:
    return token.freshness(now, min_ttl) is Freshness.FRESH
