"""The one way in: who asks, may they, the token, and a line for the log.

Every route and every dialect comes through here; nothing hands out a token
around it. The path of a cached token is synchronous.
"""

import logging
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
from broker.model.token import AccessToken
from broker.services.opened import Opened
from broker.services.served import TokenServed, TokenWanted
from broker.services.token_cache import TokenKey
from broker.services.tokens import TokenService
from broker.services.vault import Vault

log = logging.getLogger(__name__)


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and through which door."""

    socket: Socket
    peer: Peer


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
        opened = self._vault.opened or self._opened(wanted)
        served = opened.tokens.offers.find(wanted)
        if served is None:
            served = _at_hand(opened, wanted)
        if served is not None:
            self._record(asker, wanted, served, rule)
        return served

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
        served = _served(key, token, tokens)
        self._record(asker, wanted, served, rule)
        return served

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

    def _record(
        self, asker: Asker, wanted: TokenWanted, served: TokenServed, rule: str
    ) -> None:
        self._vault.used()
        # At every request of every program: at INFO the log would fill the disk that
        # the next rotated refresh token needs.
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "token.served account=%s scopes=%s rule=%s pid=%s",
                served.account,
                "all" if wanted.scopes is None else ",".join(sorted(wanted.scopes)),
                rule,
                asker.peer.pid,
            )


def _at_hand(opened: Opened, wanted: TokenWanted) -> TokenServed | None:
    """The token where one is fresh; kept for whoever asks for the same again.

    Raises:
        BrokerError: it cannot be had at all.
    """
    key, tokens = _key(opened, wanted), opened.tokens
    if wanted.rejected is not None:
        return None
    token = tokens.cached(key, wanted.min_ttl)
    if token is None:
        return None
    served = _served(key, token, tokens)
    tokens.offers.put(wanted, served)
    return served


def _served(key: TokenKey, token: AccessToken, tokens: TokenService) -> TokenServed:
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
