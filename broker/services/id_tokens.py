"""ID tokens for peers: checked before they are given, renewed where they are too old.

An access token is renewed for what it opens; its ID token comes beside it. So a newer
one is had by the same refresh that everybody else joins.
"""

import logging

from msgspec.structs import replace

from broker.model.errors import (
    AudienceRefusedError,
    BrokerError,
    GrantChangedError,
    IssuerMalformedError,
    NoIdTokenError,
)
from broker.model.grant import Grant
from broker.model.policy import Operation
from broker.model.text import safe_text
from broker.services.access import Access
from broker.services.asked_in_vain import AskedInVain
from broker.services.gate import Asker
from broker.services.id_token_checks import (
    IdTokenChecker,
    IdTokenServed,
    IdTokenWanted,
    require_life,
)
from broker.services.id_token_shelf import Laid
from broker.services.instead import serves_instead
from broker.services.interfaces import Clock
from broker.services.lineage import source
from broker.services.made_id_tokens import MadeIdTokens, for_its_audience
from broker.services.served import TokenWanted
from broker.services.tokens import TokenService
from broker.services.vault import Vault

log = logging.getLogger(__name__)

_ATTEMPTS = 3


class IdTokens:
    """Serves them.

    Args:
        access: decides who may have one.
        vault: the store.
        checker: looks at each.
        clock: time.
    """

    def __init__(
        self,
        *,
        access: Access,
        vault: Vault,
        checker: IdTokenChecker,
        clock: Clock,
    ) -> None:
        self._access = access
        self._vault = vault
        self._checker = checker
        self._in_vain = AskedInVain(clock)
        self._made = MadeIdTokens(checker=checker, in_vain=self._in_vain, clock=clock)
        self._clock = clock

    async def id_token(self, asker: Asker, wanted: IdTokenWanted) -> IdTokenServed:
        """An ID token, checked; with `min_ttl` seconds left, or the freshest there is.

        Raises:
            NotPermittedError: the peer may not have it.
            AudienceRefusedError: it would be for the account's client alone.
            NoIdTokenError: there is none, and a refresh gives none.
            BrokerError: what ended the refresh, or why it cannot be checked.
        """
        asked = TokenWanted(
            account=wanted.account, audience=wanted.audience, min_ttl=wanted.min_ttl
        )
        passed = await self._access.pass_for(asker, Operation.ID_TOKEN, asked)
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            opened = self._vault.require_open()
            name = opened.grants.named_or_default(passed.account)
            own = for_its_audience(opened.grants, name, passed.resource, wanted)
            # Of a view: whoever signed in is the same, and the name is its own.
            grant = source(opened.grants, opened.grants.get(name))
            tokens = opened.tokens
            # A grant that gives no tokens any more gives none that is left over.
            tokens.key(name, None, None)
            try:
                served = await self._served(tokens, grant, own)
            except GrantChangedError:
                if not attempts:
                    raise
                continue  # a login was faster, and has brought another
            await self._access.use_up(asker)
            log.debug("id_token.served account=%s", name)
            return replace(served, account=name)

    async def _served(
        self, tokens: TokenService, grant: Grant, wanted: IdTokenWanted
    ) -> IdTokenServed:
        if grant.unattended is not None:
            return await self._made.served(tokens, grant, grant.unattended, wanted)
        _require_own_audience(grant, wanted.audience)
        held = await self._held(tokens, grant)
        if held and held.has_left(self._clock.now(), wanted.min_ttl):
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
            return await self._checker.checked(laid, grant)
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
        self._in_vain.require_worth(grant)
        before = tokens.id_tokens.find(name)
        await tokens.renew(name)
        laid = tokens.id_tokens.find(name)
        try:
            served = await self._checker.checked(_newer(laid, before, grant), grant)
            require_life(served, grant, self._clock.now())
        except (NoIdTokenError, IssuerMalformedError) as exc:
            self._in_vain.note(grant, exc)
            raise
        return served


def _newer(laid: Laid | None, before: Laid | None, grant: Grant) -> Laid:
    if laid is None or laid is before:
        reason = "the issuer gives none when a token is renewed"
        raise NoIdTokenError(account=grant.account.name, reason=reason)
    return laid


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
