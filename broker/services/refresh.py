"""One refresh: what is asked of the issuer, and what its answer means for the grant.

Knows nobody who waits; whoever calls sees to it that nothing else spends the same
refresh token meanwhile.
"""

import logging

from broker.model.errors import (
    BrokerError,
    GrantChangedError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginRequiredError,
    ReauthenticationRequiredError,
    RefreshRefusedError,
)
from broker.model.event import Event, EventKind
from broker.model.grant import Grant, GrantState, Intent, IntentCause
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.token import AccessToken, Freshness
from broker.model.unattended import Unattended
from broker.oauth.compact import require_subject
from broker.oauth.refusals import refresh_error
from broker.oauth.token import TokenRefusal, TokenResponse
from broker.oauth.token_request import refresh_request
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.instead import require_life
from broker.services.interfaces import Clock
from broker.services.lineage import standing
from broker.services.minters import Minters
from broker.services.token_cache import TokenCache, TokenKey
from broker.services.token_endpoint import TokenEndpoint, token_of

log = logging.getLogger(__name__)


# Seems: only the issuer knows, and the grant may have ended for another reason.
_HOW_LOST = {
    IntentCause.REFRESH: "a newer refresh token seems to have been given that never "
    "arrived here",
    IntentCause.RESTORE: "the store was put back from an older copy, and a newer "
    "refresh token seems to have been given since",
}


class Refresher:
    """Gets new tokens, and puts them into the cache.

    Spends refresh tokens, or has a minter make one where there is no person.
    """

    def __init__(
        self,
        *,
        grants: Grants,
        cache: TokenCache,
        endpoint: TokenEndpoint,
        minters: Minters,
        clock: Clock,
        events: Events,
    ) -> None:
        self._grants = grants
        self._cache = cache
        self._endpoint = endpoint
        self._minters = minters
        self._clock = clock
        self._events = events

    async def refresh(self, key: TokenKey, grant: Grant) -> AccessToken:
        """A new token; a rotated refresh token is durable before this returns.

        Args:
            key: the slot of the cache that the token is for.
            grant: as the store has it now.

        Raises:
            LoginRequiredError, ReauthenticationRequiredError: recorded in the grant.
            GrantChangedError: a login was faster.
            BrokerError: every other refusal or fault; the grant is as it was.
        """
        if grant.unattended is not None:
            return await self._minted(key, grant, grant.unattended)
        if grant.refresh_token is None:
            return await self._without_refresh_token(key, grant)
        return await self._with_refresh_token(key, grant, grant.refresh_token)

    async def _with_refresh_token(
        self, key: TokenKey, grant: Grant, refresh_token: Secret
    ) -> AccessToken:
        account = key.account
        log.info("token.refresh.started account=%s", account)
        began = self._clock.now()
        standing = grant.intent
        # Saved before it is sent: whoever finds it after a crash knows that the answer
        # may have been lost, and that this token is to be tried once more.
        grant = await self._grants.intend(grant, Intent(since=began.wall))
        try:
            answer = await self._answer(key, grant, refresh_token)
        except BrokerError as exc:
            error = _told_of_loss(exc, standing)
            await self._refused(grant, error, is_ours=standing is None)
            if error is exc:
                raise
            raise error from exc
        token = token_of(
            answer,
            obtained=began,
            asked=grant.scopes if key.scopes is None else key.scopes,
            refreshable=True,
        )
        is_whole = key.scopes is None and key.resource is None
        # Saved before anyone sees it: the issuer has already retired the old refresh
        # token, so a crash after this point must find the new one.
        await self._grants.renewed(
            grant,
            refresh_token=answer.refresh_token,
            scopes=token.scopes if is_whole else grant.scopes,
        )
        require_life(token, grant, began)
        self._cache.put(key, token)
        if key.scopes is None:
            self._cache.id_tokens.lay(account, answer, began)
        log.info("token.refresh.complete account=%s life=%s", account, token.life)
        self._tell(EventKind.TOKEN_RENEWED, grant)
        return token

    async def _minted(
        self, key: TokenKey, grant: Grant, unattended: Unattended
    ) -> AccessToken:
        """A new token of an account without a person.

        Nothing rotates, so nothing is saved before it is asked for; and nothing that
        is said ends the grant: what was refused today may be allowed tomorrow.
        """
        account, began = key.account, self._clock.now()
        log.info("token.mint.started account=%s", account)
        before = standing(self._grants, grant)
        try:
            token = await self._minters.of(unattended).mint(grant, key)
        except BrokerError as exc:
            log.warning("token.mint.failed account=%s code=%s", account, exc.code)
            raise
        if standing(self._grants, grant) != before:
            # Of whoever had signed in before, or has signed out since.
            raise GrantChangedError(account=account)
        if key.scopes is None and key.resource is None:
            await self._grants.renewed(grant, refresh_token=None, scopes=token.scopes)
        require_life(token, grant, began)
        self._cache.put(key, token)
        log.info("token.mint.complete account=%s life=%s", account, token.life)
        self._tell(EventKind.TOKEN_RENEWED, grant)
        return token

    async def _answer(
        self, key: TokenKey, grant: Grant, refresh_token: Secret
    ) -> TokenResponse:
        account = grant.account
        issuer = account.issuer
        heard = await self._endpoint.ask(
            issuer,
            refresh_request(
                issuer=issuer,
                client=account.client,
                refresh_token=refresh_token,
                scopes=key.scopes,
                resource=account.resource or key.resource,
                dpop_key=grant.dpop_key,
            ),
        )
        if isinstance(heard.answer, TokenRefusal):
            raise refresh_error(
                heard.answer,
                account=key.account,
                issuer=issuer.url,
                is_narrowed=key.scopes is not None or key.resource is not None,
            )
        # Before it is saved: one person's grant is not to become another's. The rest of
        # the ID token waits until somebody wants it.
        id_token = heard.answer.id_token
        require_subject(id_token, issuer=issuer.url, subject=grant.subject)
        return heard.answer

    async def _refused(
        self, grant: Grant, error: BrokerError, *, is_ours: bool
    ) -> None:
        """Record what the error says of the grant.

        Args:
            grant: with its intent.
            error: what came instead of a token.
            is_ours: whether the intent is of this refresh: an older one stands until
                the issuer has said what became of it.
        """
        name = grant.account.name
        log.warning("token.refresh.failed account=%s code=%s", name, error.code)
        match error:
            case LoginRequiredError():
                await self._grants.ended(grant, GrantState.DEAD, error.reason)
                self._cache.drop(name)
                self._tell(EventKind.LOGIN_NEEDED, grant, error.reason)
            case ReauthenticationRequiredError():
                await self._grants.ended(grant, GrantState.REAUTHENTICATE, error.reason)
                self._tell(EventKind.LOGIN_NEEDED, grant, error.reason)
            case _ if is_ours and not _may_have_been_spent(error):
                await self._grants.not_spent(grant)

    async def _without_refresh_token(self, key: TokenKey, grant: Grant) -> AccessToken:
        """The sealed access token itself, for issuers that give nothing else.

        Raises:
            RefreshRefusedError: a narrower one is wanted. The whole one is never
                given in its place: the peer may hand it on as the narrow one.
            LoginRequiredError: it has expired.
        """
        name = grant.account.name
        if key.scopes is not None or key.resource is not None:
            raise RefreshRefusedError(
                account=name,
                error="it cannot be narrowed",
                description="the issuer gave no refresh token",
            )
        if grant.access_token is None:
            raise LoginRequiredError(account=name, reason="there is no token to renew")
        token = grant.access_token.on_this_boot(self._clock.now())
        if token.freshness(self._clock.now(), Seconds(0)) is Freshness.EXPIRED:
            reason = "the token has expired, and the issuer gave no refresh token"
            await self._grants.ended(grant, GrantState.DEAD, reason)
            self._tell(EventKind.LOGIN_NEEDED, grant, reason)
            raise LoginRequiredError(account=name, reason=reason)
        self._cache.put(key, token)
        return token

    def _tell(self, kind: EventKind, grant: Grant, reason: str | None = None) -> None:
        self._events.publish(
            Event(
                kind=kind,
                at=self._clock.now().wall,
                account=grant.account.name,
                issuer=grant.account.issuer.url,
                reason=reason,
            )
        )


def _may_have_been_spent(error: BrokerError) -> bool:
    """Whether the issuer may have taken the refresh token, and given another."""
    match error:
        case IssuerUnreachableError():
            return error.sent
        case IssuerMalformedError() | IssuerOverloadedError():
            return True
    return False


def _told_of_loss(error: BrokerError, standing: Intent | None) -> BrokerError:
    """The same error, in words for a refresh token that was spent unseen."""
    if standing is None or not isinstance(error, LoginRequiredError):
        return error
    how = _HOW_LOST[standing.cause]
    reason = f"rotation lost: {how} (the issuer says: {error.reason})"
    return LoginRequiredError(account=error.account, reason=reason)
