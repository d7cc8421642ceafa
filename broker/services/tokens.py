"""Access tokens: cached, or from the one refresh that is under way for a grant.

Knows no peer and no socket.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress

from broker.model.account import Account, AccountName
from broker.model.errors import BrokerError, GrantChangedError
from broker.model.grant import Grant, GrantState, IntentCause, require_live
from broker.model.time import Instant, Seconds
from broker.model.token import AccessToken, Freshness, Scopes
from broker.services.circuit import Circuits
from broker.services.events import Events
from broker.services.granted import asked_of, require_granted
from broker.services.grants import Grants
from broker.services.health import Health
from broker.services.instead import refuse_rejected, require_life, serves_instead
from broker.services.interfaces import Clock, HttpSender
from broker.services.lineage import is_made_of
from broker.services.minters import Minters
from broker.services.minting import MintingWorld
from broker.services.offers import Offers
from broker.services.refresh import Refresher
from broker.services.rejections import REJECTION_PAUSE, Rejections
from broker.services.renewal import EarlyRenewal
from broker.services.showing import Showing
from broker.services.skew import Skews
from broker.services.token_cache import TokenCache, TokenKey
from broker.services.token_endpoint import TokenEndpoint
from broker.services.turns import Turns

_ATTEMPTS = 3


class TokenService:
    """One cache, and one refresh at a time for each grant.

    Attributes:
        offers: what was served, for those who ask again.
        health: of the issuers, as it was met.
        minters: make the tokens of accounts without a person.
        id_tokens: the last that came beside an access token.
    """

    def __init__(
        self,
        *,
        grants: Grants,
        sender: HttpSender,
        clock: Clock,
        events: Events,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._grants = grants
        self._clock = clock
        self._circuits = Circuits(clock=clock, events=events, jitter=jitter)
        self.offers = Offers(grants=grants, circuits=self._circuits, clock=clock)
        self._cache = TokenCache(grants, changed=self.offers.clear)
        self.id_tokens = self._cache.id_tokens
        self._rejections = Rejections()
        skews = Skews()
        self.health = Health(
            grants=grants, circuits=self._circuits, skews=skews, clock=clock
        )
        showing = Showing(tokens=self, grants=grants, clock=clock)
        self.minters = Minters(
            MintingWorld(
                sender=sender,
                clock=clock,
                skews=skews,
                token_of=showing.token,
                id_token_of=showing.id_token,
            )
        )
        self._turns = Turns(
            grants=grants,
            cache=self._cache,
            refresher=Refresher(
                grants=grants,
                cache=self._cache,
                endpoint=TokenEndpoint(sender=sender, clock=clock, skews=skews),
                minters=self.minters,
                clock=clock,
                events=events,
            ),
            circuits=self._circuits,
        )
        self._renewal = EarlyRenewal(
            grants=grants,
            cache=self._cache,
            circuits=self._circuits,
            turns=self._turns,
            clock=clock,
            jitter=jitter,
        )

    def key(
        self, account: AccountName, scopes: Scopes | None, resource: str | None
    ) -> TokenKey:
        """What is to be asked for.

        Raises:
            UnknownAccountError: no account has this name.
            LoginRequiredError, ReauthenticationRequiredError: its grant gives none.
            ScopeNotGrantedError, ResourceNotGrantedError: more than was granted;
                nothing is ever widened.
        """
        grant, key = asked_of(self._grants, account, scopes, resource)
        if grant.state is not GrantState.REAUTHENTICATE or not self._has_living(key):
            require_live(grant)
        require_granted(grant, scopes=key.scopes)
        return key

    def cached(self, key: TokenKey, min_ttl: Seconds) -> AccessToken | None:
        """A token that is fresh now, or None. Never waits."""
        slot = self._cache.slot(key)
        token = self._cache.at(slot)
        if token is None:
            return None
        now = self._clock.now()
        if not _is_fresh(token, now, min_ttl):
            return None
        self._renewal.used(slot)
        return token.as_of(now)

    def remember(self, key: TokenKey, token: AccessToken) -> None:
        """Keep a token that a login gave."""
        self._cache.put(key, token)
        self._circuits.signed_in(self._grants.get(key.account).account)

    def forget(self, account: AccountName) -> list[AccessToken]:
        """Drop every token of an account, and what was refused for it.

        And of all that is made of it: their tokens began with one of these.

        Returns:
            Those of the account itself that would still be served.
        """
        for other in self._cache.accounts():
            if is_made_of(self._grants, other, account):
                self._forget(other)
        now = self._clock.now()
        return [
            each for each in self._forget(account) if _is_fresh(each, now, Seconds(0))
        ]

    def _forget(self, account: AccountName) -> list[AccessToken]:
        self._renewal.forget(account)
        self._circuits.forget(account)
        self._rejections.forget(account)
        return self._cache.drop(account)

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
        token = await self._token(key, min_ttl, rejected)
        self._renewal.used(self._cache.slot(key))
        return token.as_of(self._clock.now())

    def id_token_attempt(
        self, account: Account, audience: str
    ) -> AbstractContextManager[None]:
        """One try to have an ID token made: held up by what holds up access tokens.

        Raises:
            BrokerError: on the way in, what was met the last time; see `Circuits`.
        """
        openid = frozenset({"openid"})
        key = TokenKey(account=account.name, scopes=openid, resource=audience)
        return self._circuits.attempt(account, key)

    async def renew(self, account: AccountName) -> None:
        """Refresh, or join who does, for what comes beside; errors as `token`."""
        key = self.key(account, None, None)
        await self._turns.join(key, self._cache.find(key))

    async def _token(
        self, key: TokenKey, min_ttl: Seconds, rejected: str | None
    ) -> AccessToken:
        freshest = None
        for _ in range(_ATTEMPTS):
            seen = self._cache.find(key)
            if seen is not None and not self._must_renew(key, seen, min_ttl, rejected):
                return seen
            is_ours = not self._turns.is_under_way(key)
            try:
                freshest = await self._turns.join(key, seen)
            except GrantChangedError:
                # A login replaced the grant while the old one was being refreshed:
                # look again, the new grant has a token of its own.
                self.key(key.account, key.scopes, key.resource)
                continue
            except BrokerError as exc:
                now = self._clock.now()
                if seen is None or not serves_instead(seen, exc, rejected, now):
                    raise
                if self._cache.find(key) is seen:
                    return seen
                # A login has come in between, perhaps somebody else's.
                self.key(key.account, key.scopes, key.resource)
                continue
            # Looked at here, not in the refresh: each waiter has its own min_ttl, and
            # one who joined late may hold a token that has aged meanwhile. What was
            # begun for us is as fresh as a token can be, but for a suspend, or a slow
            # disk, that has taken its whole life.
            needed = Seconds(0) if is_ours else min_ttl
            if _is_fresh(freshest, self._clock.now(), needed):
                break
        if freshest is None:
            raise GrantChangedError(account=key.account)
        # None where a log-out awaited this very refresh: it is still answered.
        grant = self._grants.find(key.account)
        if grant is not None:
            require_life(freshest, grant, self._clock.now())
            refuse_rejected(freshest, grant, rejected)
        return freshest

    def recover(self, found: Iterable[Grant]) -> None:
        """Find out what became of the refreshes that a crash cut off; never waits.

        At once: an issuer that takes a retired refresh token once more does so for
        seconds. Each is tried once, with exactly the token that was sent. One that was
        brought back from a backup waits until it is asked for: the machine that it
        comes from may be using it.

        Args:
            found: grants as they lay in the store. Somebody may have asked for one
                since, and its issuer may be known to be down: then that is enough.
        """
        for grant in found:
            name, intent = grant.account.name, grant.intent
            if intent is None or intent.cause is not IntentCause.REFRESH:
                continue
            if self._grants.find(name) is grant:
                key = TokenKey(account=name, scopes=None, resource=None)
                with suppress(BrokerError):
                    self._turns.begin(key, None)

    def turn(self, account: AccountName) -> asyncio.Lock:
        """Held by whoever spends the account's refresh token, one at a time."""
        return self._turns.turn(account)

    def begin_to_close(self) -> None:
        """Begin no refresh from now on; the one on the wire ends, and is saved."""
        self._renewal.close()
        self._turns.begin_to_close()

    async def settle(self) -> None:
        """Return when no refresh is under way; see `Turns.settle`."""
        await self._turns.settle()

    async def close(self) -> None:
        """Let the refreshes under way end: their new refresh tokens must be saved.

        No token is at hand after that, and no timer is left.
        """
        self.begin_to_close()
        await self._turns.close()
        self._cache.clear()

    def _must_renew(
        self, key: TokenKey, token: AccessToken, min_ttl: Seconds, rejected: str | None
    ) -> bool:
        now = self._clock.now()
        if not _is_fresh(token, now, min_ttl):
            return True
        if rejected is None or not token.has_digest(rejected):
            return False
        if self._turns.is_under_way(key):
            return True
        # An API that refuses every token must not make us hammer the issuer.
        if now.boot - token.obtained.boot < REJECTION_PAUSE:
            return False
        return self._rejections.try_to_force(key.account, now.boot)

    def _has_living(self, key: TokenKey) -> bool:
        token = self._cache.find(key)
        return token is not None and _is_fresh(token, self._clock.now(), Seconds(0))


def _is_fresh(token: AccessToken, now: Instant, min_ttl: Seconds) -> bool:
    return token.freshness(now, min_ttl) is Freshness.FRESH
