"""The access tokens at hand. Knows no issuer and no time."""

from collections.abc import Callable

import msgspec

from broker.model.account import Account, AccountName
from broker.model.token import AccessToken, Scopes
from broker.services.grants import Grants
from broker.services.id_token_shelf import IdTokenShelf

CACHED_TOKENS = 1024
"""At most, over all accounts; the ones that were put there first go first."""


class TokenKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a cached token was asked for.

    Attributes:
        account: whose.
        scopes: None for all that was granted; else a narrower set.
        resource: RFC 8707, or None.
    """

    account: AccountName
    scopes: Scopes | None
    resource: str | None


class TokenCache:
    """Each key's token, fresh or not.

    Args:
        grants: which scopes are all of them.
        changed: called whenever a token comes, goes or is meant for another request.

    Attributes:
        id_tokens: what came beside them, and goes with them.
    """

    def __init__(
        self, grants: Grants, *, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._grants = grants
        self._changed = changed
        self.id_tokens = IdTokenShelf()
        self._tokens: dict[TokenKey, AccessToken] = {}
        self._asked: set[TokenKey] = set()
        self._give_whole: set[tuple[str, str]] = set()

    def slot(self, key: TokenKey) -> TokenKey:
        """Where the token lies: all scopes by name are the same token as all of them,
        and so is every set of scopes at an issuer that never narrows.

        Not decided when the key is made: a login may grant more meanwhile, and who
        asked by name must not be given more.
        """
        if key.scopes is None:
            return key
        grant = self._grants.find(key.account)
        if grant is None:
            return key
        is_whole = key.resource is None and _client(grant.account) in self._give_whole
        if is_whole or key.scopes == grant.scopes:
            return TokenKey(account=key.account, scopes=None, resource=key.resource)
        return key

    def give_whole(self, account: Account) -> None:
        """Remember that this issuer gives this client all scopes, whatever is asked."""
        self._give_whole.add(_client(account))
        self._changed()

    def find(self, key: TokenKey) -> AccessToken | None:
        """The token, or None."""
        return self._tokens.get(self.slot(key))

    def at(self, slot: TokenKey) -> AccessToken | None:
        """The token in a slot, or None."""
        return self._tokens.get(slot)

    def put(self, key: TokenKey, token: AccessToken) -> None:
        """Keep a token in the place of the one before."""
        slot = self.slot(key)
        self._forget(slot)
        self._tokens[slot] = token
        while len(self._tokens) > CACHED_TOKENS:
            self._forget(next(iter(self._tokens)))

    def ask(self, slot: TokenKey) -> bool:
        """Note that the token there was asked for; whether it is the first time."""
        if slot in self._asked or slot not in self._tokens:
            return False
        self._asked.add(slot)
        return True

    def accounts(self) -> frozenset[AccountName]:
        """Whose tokens there are."""
        return frozenset(key.account for key in self._tokens)

    def drop(self, account: AccountName) -> list[AccessToken]:
        """Forget every token of an account; all of them."""
        keys = [key for key in self._tokens if key.account == account]
        dropped = [self._tokens[key] for key in keys]
        for key in keys:
            self._forget(key)
        self.id_tokens.drop(account)
        return dropped

    def clear(self) -> None:
        """Forget every token."""
        self._tokens.clear()
        self._asked.clear()
        self.id_tokens.clear()
        self._changed()

    def _forget(self, slot: TokenKey) -> None:
        self._tokens.pop(slot, None)
        self._asked.discard(slot)
        self._changed()


def _client(account: Account) -> tuple[str, str]:
    return account.issuer.url, account.client.client_id
