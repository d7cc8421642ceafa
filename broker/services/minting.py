"""What makes tokens for accounts without a person. Knows no kind of them."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from broker.model.grant import Grant
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


class MintingWorld(msgspec.Struct, frozen=True, kw_only=True):
    """What minters need beside a grant."""

    sender: HttpSender
    clock: Clock
    skews: Skews


MakeMinter = Callable[[MintingWorld], Minter]
