"""ID tokens for peers: checked before they are given, renewed where they are too old.

An access token is renewed for what it opens; its ID token comes beside it. So a newer
one is had by the same refresh that everybody else joins.
"""

import logging
from collections.abc import Mapping

import msgspec

from broker.model.account import AccountName
from broker.model.errors import (
    AudienceRefusedError,
    BrokerError,
    GrantChangedError,
    IssuerMalformedError,
    NoIdTokenError,
)
from broker.model.grant import Grant
from broker.model.issuer import IssuerPreset
from broker.model.policy import Operation
from broker.model.text import safe_text
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import BEARER, AccessToken, Freshness
from broker.oauth.id_token import IdClaims, parse_id_token
from broker.services.access import Access
from broker.services.gate import Asker
from broker.services.id_token_shelf import Laid
from broker.services.instead import serves_instead
from broker.services.interfaces import Clock
from broker.services.issuer_keys import IssuerKeys
from broker.services.served import TokenWanted
from broker.services.tokens import TokenService
from broker.services.vault import Vault

log = logging.getLogger(__name__)

ASKED_IN_VAIN = Seconds(60)
"""For so long an issuer is not asked again that has just given no good ID token: what
a refresh gives besides is not worth one for each request."""

_ATTEMPTS = 3


class IdTokenWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer asks for.

    Attributes:
        account: None for the one that is meant where none is named.
        audience: for whom; None for the account's own client.
        min_ttl: seconds of life that the peer still needs.
    """

    account: AccountName | None = None
    audience: str | None = None
    min_ttl: Seconds = Seconds(0)


class IdTokenServed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and what of its claims a peer need not read by itself.

    Attributes:
        account: whose.
        token: the ID token and its life.
        audience: `aud`.
        issuer: `iss`.
        subject: `sub`.
    """

    account: AccountName
    token: AccessToken
    audience: str
    issuer: str
    subject: str


class _Vain(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh that brought no good ID token.

    Attributes:
        granted_at: of the grant: after another sign-in it says nothing.
        until: when the issuer is asked again, on the boot clock.
        error: what came of it.
    """

    granted_at: UnixTime
    until: Seconds
    error: BrokerError


class IdTokens:
    """Serves them.

    Args:
        access: decides who may have one.
        vault: the store.
        keys: of the issuers.
        presets: by name; they say which other `iss` is documented.
        clock: time.
    """

    def __init__(
        self,
        *,
        access: Access,
        vault: Vault,
        keys: IssuerKeys,
        presets: Mapping[str, IssuerPreset],
        clock: Clock,
    ) -> None:
        self._access = access
        self._vault = vault
        self._keys = keys
        self._presets = presets
        self._clock = clock
        self._vain: dict[AccountName, _Vain] = {}

    async def id_token(self, asker: Asker, wanted: IdTokenWanted) -> IdTokenServed:
        """An ID token, checked; with `min_ttl` seconds left, or the freshest there is.

        Raises:
            NotPermittedError: the peer may not have it.
            AudienceRefusedError: it would be for the account's client alone.
            NoIdTokenError: there is none, and a refresh gives none.
            BrokerError: what ended the refresh, or why it cannot be checked.
        """
        asked = TokenWanted(account=wanted.account, min_ttl=wanted.min_ttl)
        passed = await self._access.pass_for(asker, Operation.ID_TOKEN, asked)
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            opened = self._vault.require_open()
            name = opened.grants.named_or_default(passed.account)
            grant, tokens = opened.grants.get(name), opened.tokens
            _require_own_audience(grant, wanted.audience)
            # A grant that gives no tokens any more gives none that is left over.
            tokens.key(name, None, None)
            try:
                served = await self._served(tokens, grant, wanted.min_ttl)
            except GrantChangedError:
                if not attempts:
                    raise
                continue  # a login was faster, and has brought another
            log.debug("id_token.served account=%s", name)
            return served

    async def _served(
        self, tokens: TokenService, grant: Grant, min_ttl: Seconds
    ) -> IdTokenServed:
        held = await self._held(tokens, grant)
        if held and _has_left(held.token, self._clock.now(), min_ttl):
            return held
        try:
            return await self._renewed(tokens, grant)
        except BrokerError as exc:
            if held and serves_instead(held.token, exc, None, self._clock.now()):
                return held
            raise

    async def _held(self, tokens: TokenService, grant: Grant) -> IdTokenServed | None:
        """What is at hand, where it is any good.

        Looked at each time: once its key is withdrawn, nobody else takes it either.

        Raises:
            BrokerError: it cannot be checked now, and no other could be.
        """
        laid = tokens.id_tokens.find(grant.account.name)
        if laid is None:
            return None
        try:
            return await self._checked(laid, grant)
        except IssuerMalformedError:
            return None

    async def _renewed(self, tokens: TokenService, grant: Grant) -> IdTokenServed:
        """What one refresh brings.

        Raises:
            NoIdTokenError, IssuerMalformedError: nothing of any use.
            BrokerError: as `TokenService.token`.
        """
        name = grant.account.name
        _require_renewable(grant)
        self._refuse_in_vain(grant)
        before = tokens.id_tokens.find(name)
        await tokens.renew(name)
        laid = tokens.id_tokens.find(name)
        try:
            served = await self._checked(_newer(laid, before, grant), grant)
            _require_life(served, grant, self._clock.now())
        except (NoIdTokenError, IssuerMalformedError) as exc:
            until = Seconds(self._clock.now().boot + ASKED_IN_VAIN)
            self._vain[name] = _Vain(
                granted_at=grant.granted_at, until=until, error=exc.again()
            )
            raise
        return served

    def _refuse_in_vain(self, grant: Grant) -> None:
        name = grant.account.name
        vain = self._vain.pop(name, None)
        if vain is None or vain.granted_at != grant.granted_at:
            return
        if self._clock.now().boot < vain.until:
            self._vain[name] = vain
            raise vain.error.again()

    async def _checked(self, laid: Laid, grant: Grant) -> IdTokenServed:
        """What the token says, once it is known to be true.

        Raises:
            IssuerMalformedError: it is not (OpenID Connect Core 1.0 sections 3.1.3.7
                and 12.2).
            BrokerError: the issuer's keys cannot be had.
        """
        account, presets = grant.account, self._presets
        preset = presets.get(account.preset) if account.preset else None
        claims = parse_id_token(
            laid.value,
            issuer=account.issuer,
            client_id=account.client.client_id,
            nonce=None,
            access_token=laid.access_token,
            now=self._clock.now().wall,
            accepts_issuer=preset.accepts_mismatched_issuer if preset else None,
        )
        if grant.subject not in (None, claims.subject):
            what = "its ID token: it is somebody else's than at the sign-in"
            raise IssuerMalformedError(issuer=account.issuer.url, what=what)
        why = await self._keys.check(laid.value, account.issuer)
        if why is not None:
            raise why
        return _served_of(laid, grant, claims)


def _newer(laid: Laid | None, before: Laid | None, grant: Grant) -> Laid:
    if laid is None or laid is before:
        reason = "the issuer gives none when a token is renewed"
        raise NoIdTokenError(account=grant.account.name, reason=reason)
    return laid


def _served_of(laid: Laid, grant: Grant, claims: IdClaims) -> IdTokenServed:
    account, obtained = grant.account, laid.obtained
    token = AccessToken(
        value=laid.value,
        token_type=BEARER,
        scopes=frozenset(),
        obtained=obtained,
        life=Seconds(claims.expires_at - obtained.wall),
    )
    return IdTokenServed(
        account=account.name,
        token=token,
        audience=account.client.client_id,
        issuer=claims.issuer,
        subject=claims.subject,
    )


def _require_own_audience(grant: Grant, audience: str | None) -> None:
    account = grant.account
    own = account.client.client_id
    if audience not in (None, own):
        raise AudienceRefusedError(
            account=account.name, audience=safe_text(audience or ""), own=safe_text(own)
        )


def _require_renewable(grant: Grant) -> None:
    """Nothing, where a refresh may bring an ID token.

    Raises:
        NoIdTokenError: it cannot.
    """
    account = grant.account
    if "openid" not in grant.scopes and "openid" not in account.scopes:
        reason = "`openid` was not granted"
    elif grant.refresh_token is None:
        reason = "that of the sign-in is gone, and there is no refresh token"
    else:
        return
    raise NoIdTokenError(account=account.name, reason=reason)


def _require_life(served: IdTokenServed, grant: Grant, now: Instant) -> None:
    if not _has_left(served.token, now, Seconds(0)):
        what = "its ID token: the one that it gave has expired already"
        raise IssuerMalformedError(issuer=grant.account.issuer.url, what=what)


def _has_left(token: AccessToken, now: Instant, min_ttl: Seconds) -> bool:
    return token.freshness(now, min_ttl) is Freshness.FRESH
