"""The one way in: who asks, may they, the token, and a line for the log.

Every route and every dialect comes through here; nothing hands out a token
around it. The path of a cached token is synchronous.
"""

import logging
from typing import NoReturn

from broker.model.account import AccountName
from broker.model.audit import AuditEntry, Result, result_of
from broker.model.errors import (
    BrokerError,
    NoAccountsError,
    NotPermittedError,
    StoppingError,
    UnknownAccountError,
)
from broker.model.grant import Grant
from broker.model.policy import Operation
from broker.model.store import VaultState
from broker.model.token import AccessToken
from broker.services.gate import Asker, Gate, Passage
from broker.services.interfaces import Recorder
from broker.services.lineage import refuse_wider, source, views
from broker.services.opened import Opened
from broker.services.served import TokenServed, TokenWanted
from broker.services.token_cache import TokenKey
from broker.services.vault import Vault

log = logging.getLogger(__name__)

_IN_WORDS = {operation: operation.value for operation in Operation} | {
    Operation.LIST: "what the daemon knows",
    Operation.MANAGE: "administration",
}
"""What was asked for, at the head of a refusal."""


class Access:
    """Lets in, serves and records."""

    def __init__(self, *, vault: Vault, gate: Gate, recorder: Recorder) -> None:
        self._vault = vault
        self._gate = gate
        self._recorder = recorder

    def permit(self, asker: Asker, operation: Operation) -> None:
        """Nothing, where `asker` may do this at all on its socket.

        Raises:
            NotPermittedError: it may not.
        """
        restriction = asker.socket.restriction
        if not asker.socket.serves(asker.peer.uid):
            self._refuse(asker, operation, "another user")
        if restriction is not None and not restriction.permits(operation):
            self._refuse(asker, operation, f"{restriction.name!r} is not for that")
        self._gate.require_living(asker)

    def cached_token(self, asker: Asker, wanted: TokenWanted) -> TokenServed | None:
        """The token where one is at hand, without waiting; else None.

        Raises:
            BrokerError: it cannot be had at all.
        """
        try:
            return self._cached_token(asker, wanted)
        except BrokerError as exc:
            self._record_refusal(asker, Operation.TOKEN, wanted, exc)
            raise

    def _cached_token(self, asker: Asker, wanted: TokenWanted) -> TokenServed | None:
        if asker.peer.uid != asker.socket.owner_uid:
            self.permit(asker, Operation.TOKEN)
        opened = self._vault.opened or self._opened(wanted)
        rule = asker.socket.name
        if not _is_open(opened, asker):
            passage = self._now(opened, asker, wanted)
            if passage is None:
                return None
            wanted, rule = passage.wanted, passage.rule
        served = opened.tokens.offers.find(wanted)
        if served is None:
            served = _at_hand(opened, wanted)
        if served is not None:
            if asker.socket.restriction is not None:
                self._gate.count(asker)
                served = self._gate.within(asker, served)
            self._record(asker, wanted, served, rule)
        return served

    async def token(self, asker: Asker, wanted: TokenWanted) -> TokenServed:
        """The token, the person asked and the token refreshed first where need be.

        Raises:
            BrokerError: it cannot be had.
        """
        try:
            return await self._token(asker, wanted)
        except BrokerError as exc:
            self._record_refusal(asker, Operation.TOKEN, wanted, exc)
            raise

    async def _token(self, asker: Asker, wanted: TokenWanted) -> TokenServed:
        self.permit(asker, Operation.TOKEN)
        passage = await self._passage(asker, Operation.TOKEN, wanted)
        wanted = passage.wanted
        self._gate.count(asker)
        # Looked for anew: the person may have taken a while.
        opened = self._opened(wanted)
        account, key = _key(opened, wanted)
        try:
            token = await opened.tokens.token(key, wanted.min_ttl, wanted.rejected)
        except StoppingError:
            # It may be the store alone that was closed, and then it says so.
            self._vault.require_open()
            raise
        served = self._gate.within(asker, _served(opened, account, key, token))
        # Last: what is refused after all costs no use.
        await self._gate.use_up(asker)
        self._record(asker, wanted, served, passage.rule)
        return served

    async def pass_for(
        self, asker: Asker, operation: Operation, wanted: TokenWanted
    ) -> TokenWanted:
        """The same request as narrow as it must be, for what goes beside a token.

        Whoever hands that out says so by `use_up`.

        Raises:
            BrokerError: `asker` may not have it, or there is no such account.
        """
        self.permit(asker, operation)
        passage = await self._passage(asker, operation, wanted)
        self._gate.count(asker)
        self._vault.used()
        return passage.wanted

    async def use_up(self, asker: Asker) -> None:
        """Count what is handed out, last: what is refused after all costs no use.

        Raises:
            NotPermittedError: the socket has none left to give.
        """
        await self._gate.use_up(asker)

    def grant_of(self, asker: Asker, account: AccountName | None) -> Grant:
        """The grant whose proofs `asker` may have (RFC 9449), never waiting.

        Raises:
            BrokerError: it may not, or there is no such account, or no open store.
        """
        operation, wanted = Operation.DPOP_PROOF, TokenWanted(account=account)
        self.permit(asker, operation)
        opened = self._opened(wanted)
        wanted = self._gate.narrow(opened, asker, operation, wanted).wanted
        grants = opened.grants
        grant = source(grants, grants.get(grants.named_or_default(wanted.account)))
        self._vault.used()
        return grant

    async def _passage(
        self, asker: Asker, operation: Operation, wanted: TokenWanted
    ) -> Passage:
        opened = self._opened(wanted)
        if _is_open(opened, asker):
            return Passage(wanted=wanted, rule=asker.socket.name)
        try:
            return await self._gate.wait(opened, asker, operation, wanted)
        except NotPermittedError as exc:
            self._refuse(asker, operation, exc.what, exc.rule)

    def _now(self, opened: Opened, asker: Asker, wanted: TokenWanted) -> Passage | None:
        operation = Operation.TOKEN
        try:
            return self._gate.now(opened, asker, operation, wanted)
        except NotPermittedError as exc:
            self._refuse(asker, operation, exc.what, exc.rule)

    def _refuse(
        self, asker: Asker, operation: Operation, why: str, rule: str | None = None
    ) -> NoReturn:
        log.warning(
            "access.refused operation=%s why=%r socket=%s uid=%d pid=%s",
            operation.value,
            why,
            asker.socket.name,
            asker.peer.uid,
            asker.peer.pid,
        )
        raise NotPermittedError(what=f"{_IN_WORDS[operation]}: {why}", rule=rule)

    def _record_refusal(
        self,
        asker: Asker,
        operation: Operation,
        wanted: TokenWanted,
        error: BrokerError,
    ) -> None:
        denial = error if isinstance(error, NotPermittedError) else None
        self._recorder.record(
            AuditEntry(
                operation=operation.value,
                result=result_of(error),
                socket=asker.socket.name,
                peer=self._recorder.facts(asker.connected, asker.peer),
                account=wanted.account,
                scopes=wanted.scopes,
                resource=wanted.resource,
                rule=None if denial is None else denial.rule,
                code=error.code,
                detail=None if denial is None else denial.what,
            )
        )

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
        self._recorder.record(
            AuditEntry(
                operation="token",
                result=Result.SERVED,
                socket=asker.socket.name,
                peer=self._recorder.facts(asker.connected, asker.peer),
                account=served.account,
                # Not what was asked for: it may do more than that.
                scopes=served.token.scopes,
                resource=wanted.resource,
                rule=rule,
            )
        )
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


def _is_open(opened: Opened, asker: Asker) -> bool:
    """Whether nothing is decided here but by the uid: so it is until a person does."""
    return asker.socket.restriction is None and opened.policies.current.is_open


def _at_hand(opened: Opened, wanted: TokenWanted) -> TokenServed | None:
    """The token where one is fresh; kept for whoever asks for the same again.

    Raises:
        BrokerError: it cannot be had at all.
    """
    account, key = _key(opened, wanted)
    if wanted.rejected is not None:
        return None
    token = opened.tokens.cached(key, wanted.min_ttl)
    if token is None:
        return None
    served = _served(opened, account, key, token)
    opened.tokens.offers.put(wanted, served)
    return served


def _served(
    opened: Opened, account: AccountName, key: TokenKey, token: AccessToken
) -> TokenServed:
    """The answer; a view's is under its own name, whosever the token is.

    Raises:
        NotNarrowedError: it can do more than a view is for.
    """
    if account != key.account:
        for view in views(opened.grants, account):
            refuse_wider(view, token)
    asked = token.scopes if key.scopes is None else key.scopes
    return TokenServed(
        account=account,
        token=token,
        extra_scopes=token.scopes - asked,
        outage=opened.tokens.health.outage(key.account),
    )


def _key(opened: Opened, wanted: TokenWanted) -> tuple[AccountName, TokenKey]:
    account = opened.grants.named_or_default(wanted.account)
    return account, opened.tokens.key(account, wanted.scopes, wanted.resource)


def _no_store(wanted: TokenWanted) -> NoReturn:
    """Before the first login nothing is locked: there is just no account."""
    if wanted.account is None:
        raise NoAccountsError
    raise UnknownAccountError(account=wanted.account)
