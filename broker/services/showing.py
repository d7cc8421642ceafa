"""Tokens of one account that are shown for those of another. Knows no minter.

What is met on the way is of the account that is shown, and has been noted there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from broker.model.account import AccountName
from broker.model.errors import BrokerError, NoIdTokenError
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds
from broker.model.token import AccessToken, Scopes
from broker.services.grants import Grants
from broker.services.id_token_shelf import IdTokenShelf, Laid
from broker.services.interfaces import Clock
from broker.services.lineage import refuse_wider, source, views
from broker.services.token_cache import TokenKey

SHOWN_FOR = Seconds(60)
"""Seconds of life that a token needs which is shown for another one."""


class _Tokens(Protocol):
    """What this needs of the token service."""

    id_tokens: IdTokenShelf

    def key(
        self, account: AccountName, scopes: Scopes | None, resource: str | None
    ) -> TokenKey: ...

    async def token(
        self, key: TokenKey, min_ttl: Seconds, rejected: str | None = None
    ) -> AccessToken: ...

    async def renew(self, account: AccountName) -> None: ...


class Showing:
    """Gives minters what they show."""

    def __init__(self, *, tokens: _Tokens, grants: Grants, clock: Clock) -> None:
        self._tokens = tokens
        self._grants = grants
        self._clock = clock

    async def token(
        self, name: AccountName, rejected: str | None = None
    ) -> AccessToken:
        """See `minting.TokenOf`."""
        with _of_another():
            key = self._tokens.key(name, None, None)
            token = await self._tokens.token(key, SHOWN_FOR, rejected)
            for view in views(self._grants, name):
                refuse_wider(view, token)  # as to a peer: it is shown to a stranger
            return token

    async def id_token(
        self, name: AccountName, rejected: Secret | None = None
    ) -> Secret:
        """See `minting.IdTokenOf`. Not looked into: whom it is shown to does that."""
        with _of_another():
            own = source(self._grants, self._grants.get(name)).account.name
            # A grant that gives no tokens any more gives none that is left over.
            self._tokens.key(own, None, None)
            laid = self._tokens.id_tokens.find(own)
            if laid is None or laid.value == rejected or not self._lives(laid):
                await self._tokens.renew(own)
                newer = self._tokens.id_tokens.find(own)
                laid = None if newer is laid else newer
            if laid is None:
                reason = "the issuer gives none when a token is renewed"
                raise NoIdTokenError(account=own, reason=reason)
            return laid.value

    def _lives(self, laid: Laid) -> bool:
        from broker.oauth.google_life import (  # noqa: PLC0415 - few daemons need it
            signed_life,
        )

        life, now = signed_life(laid.value), self._clock.now()
        return life is not None and _age(laid.obtained, now) + SHOWN_FOR < life


def _age(obtained: Instant, now: Instant) -> float:
    return now.boot - obtained.boot


@contextmanager
def _of_another() -> Iterator[None]:
    try:
        yield
    except BrokerError as exc:
        error = exc.again()
        error.is_of_another = True
        raise error from exc
