"""What makes tokens for accounts without a person. Knows no kind of them."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec

from broker.model.account import AccountName
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.token import AccessToken
from broker.services.interfaces import Clock, HttpSender
from broker.services.skew import Skews
from broker.services.token_cache import TokenKey


class Minter(Protocol):
    """Makes the tokens of one kind of account."""

    async def mint(self, grant: Grant, key: TokenKey) -> AccessToken:
        """A new token. Nothing rotates, so that it may be asked for at any time.

        One at a time for an account; back-off, early renewal and the cache are not its
        business.

        Args:
            grant: whose `unattended` is of this kind.
            key: what is asked for: scopes that are granted, and a resource. None where
                it is all that the account has.

        Raises:
            BrokerError: told apart as for a refresh; see `circuit.CONCERNS` for whom
                each one holds up.
        """
        ...


class TokenOf(Protocol):
    """Gives a minter the token of another account, all that it has."""

    async def __call__(
        self, name: AccountName, rejected: str | None = None
    ) -> AccessToken:
        """A fresh one.

        Args:
            name: of the account.
            rejected: SHA-256 in hex of one that did not do; the answer may be that one
                all the same, where there was a newer one a moment ago.

        Raises:
            BrokerError: of that account.
        """
        ...


class IdTokenOf(Protocol):
    """Gives a minter the ID token of whoever signed in to another account."""

    async def __call__(
        self, name: AccountName, rejected: Secret | None = None
    ) -> Secret:
        """A living one.

        Args:
            name: of the account.
            rejected: one that did not do; the answer is a newer one.

        Raises:
            NoIdTokenError: there is none, or no newer one.
            BrokerError: of that account.
        """
        ...


@runtime_checkable
class IdTokenMinter(Protocol):
    """A `Minter` that can make ID tokens, too."""

    async def id_token(self, grant: Grant, audience: str) -> Secret:
        """An ID token for an audience; neither kept nor looked into.

        Raises:
            BrokerError: as for an access token; or it has none of its own.
        """
        ...


class MintingWorld(msgspec.Struct, frozen=True, kw_only=True):
    """What minters need beside a grant."""

    sender: HttpSender
    clock: Clock
    skews: Skews
    token_of: TokenOf
    id_token_of: IdTokenOf


MakeMinter = Callable[[MintingWorld], Minter]
