"""The one way in: who asks, may they, the token, and a line for the log.

Every route and every dialect comes through here; nothing hands out a token
around it. The path of a cached token is synchronous.
"""

import logging
from dataclasses import dataclass
from typing import NoReturn

import msgspec

from broker.model.account import AccountName
from broker.model.errors import (
    NoAccountsError,
    NotPermittedError,
    StoppingError,
    UnknownAccountError,
)
from broker.model.grant import Grant
from broker.model.peer import Peer, Socket
from broker.model.policy import Operation, decide
from broker.model.store import VaultState
from broker.model.time import Seconds
from broker.model.token import AccessToken, Scopes
from broker.services.circuit import Outage
from broker.services.opened import Opened
from broker.services.token_cache import TokenKey
from broker.services.tokens import TokenService
from broker.services.vault import Vault

log = logging.getLogger(__name__)

NO_MIN_TTL = Seconds(0)
"""Any token that has not expired will do."""


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and through which door."""

    socket: Socket
    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWanted:
    """What a peer asks for.

    Attributes:
        account: None for the one that is meant where none is named.
        scopes: None for all that was granted.
        resource: RFC 8707, or None.
        min_ttl: seconds of life that the peer still needs.
        rejected: SHA-256 in hex of a token that an API refused, or None.
    """

    account: AccountName | None = None
    scopes: Scopes | None = None
    resource: str | None = None
    min_ttl: Seconds = NO_MIN_TTL
    rejected: str | None = None


class TokenServed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        account: whose.
        token: with all the scopes that it has.
        extra_scopes: what it can do beyond what was asked for: some issuers do not
            narrow, and whoever hands the token on must know.
        outage: where its issuer is down: there will be no newer one before `until`.
    """

    account: AccountName
    token: AccessToken
    extra_scopes: Scopes = frozenset()
    outage: Outage | None = None


class Access:
    """Decides, serves and records."""

    def __init__(self, *, vault: Vault) -> None:
        self._vault = vault

    def permit(self, asker: Asker, operation: Operation) -> str:
        """The rule by which `asker` may do this.

        Raises:
            NotPermittedError: it may not.
        """
        decision = decide(asker.socket, asker.peer, operation)
        if not decision.allowed:
            log.warning(
                "access.refused operation=%s rule=%r uid=%d pid=%s",
                operation.value,
                decision.rule,
                asker.peer.uid,
                asker.peer.pid,
            )
            raise NotPermittedError(what=f"{operation.value}: {decision.rule}")
        return decision.rule

    def cached_token(self, asker: Asker, wanted: TokenWanted) -> TokenServed | None:
        """The token where one is at hand, without waiting; else None.

        Raises:
            BrokerError: it cannot be had at all.
        """
        rule = self.permit(asker, Operation.TOKEN)
        opened = self._opened(wanted)
        key, tokens = _key(opened, wanted), opened.tokens
        if wanted.rejected is not None:
            return None
        token = tokens.cached(key, wanted.min_ttl)
        return None if token is None else self._served(asker, key, token, rule, tokens)

    async def token(self, asker: Asker, wanted: TokenWanted) -> TokenServed:
        """The token, refreshed first where that is needed.

        Raises:
            BrokerError: it cannot be had.
        """
        rule = self.permit(asker, Operation.TOKEN)
        opened = self._opened(wanted)
        key, tokens = _key(opened, wanted), opened.tokens
        try:
            token = await tokens.token(key, wanted.min_ttl, wanted.rejected)
        except StoppingError:
            # It may be the store alone that was closed, and then it says so.
            self._vault.require_open()
            raise
        return self._served(asker, key, token, rule, tokens)

    def grant_of(self, asker: Asker, account: AccountName | None) -> Grant:
        """The grant whose tokens `asker` may have: for what goes with a token.

        Raises:
            BrokerError: it may not, or there is no such account, or no open store.
        """
        self.permit(asker, Operation.TOKEN)
        grants = self._opened(TokenWanted(account=account)).grants
        grant = grants.get(grants.named_or_default(account))
        self._vault.used()
        return grant

    def _opened(self, wanted: TokenWanted) -> Opened:
        opened = self._vault.opened
        if opened is not None:
            return opened
        if self._vault.state is VaultState.NONE:
            _no_store(wanted)
        return self._vault.require_open()

    def _served(
        self,
        asker: Asker,
        key: TokenKey,
        token: AccessToken,
        rule: str,
        tokens: TokenService,
    ) -> TokenServed:
        self._vault.used()
        # At every request of every program: at INFO the log would fill the disk that
        # the next rotated refresh token needs.
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "token.served account=%s scopes=%s rule=%s pid=%s",
                key.account,
                "all" if key.scopes is None else ",".join(sorted(key.scopes)),
                rule,
                asker.peer.pid,
            )
        asked = token.scopes if key.scopes is None else key.scopes
        return TokenServed(
            account=key.account,
            token=token,
            extra_scopes=token.scopes - asked,
            outage=tokens.outage(key.account),
        )


def _key(opened: Opened, wanted: TokenWanted) -> TokenKey:
    account = opened.grants.named_or_default(wanted.account)
    return opened.tokens.key(account, wanted.scopes, wanted.resource)


def _no_store(wanted: TokenWanted) -> NoReturn:
    """Before the first login nothing is locked: there is just no account."""
    if wanted.account is None:
        raise NoAccountsError
    raise UnknownAccountError(account=wanted.account)
