"""The newest ID token of each account, as it came. In memory alone; looks into none.

Refreshes bring one whenever `openid` was granted, and few peers ever ask: what there is
to check is checked then, by `id_tokens`, and nothing of that is needed here.
"""

import msgspec

from broker.model.account import AccountName
from broker.model.secret import Secret
from broker.model.time import Instant
from broker.oauth.token import TokenResponse

MOST_KEPT = 1024
"""Over all accounts; the ones that came first go first."""


class Laid(msgspec.Struct, frozen=True, kw_only=True):
    """One ID token with what came beside it.

    Attributes:
        value: the token, unchecked.
        access_token: which its `at_hash` is of.
        obtained: the moment before it was asked for.
    """

    value: Secret
    access_token: Secret
    obtained: Instant


class IdTokenShelf:
    """What the token endpoint gave last."""

    def __init__(self) -> None:
        self._laid: dict[AccountName, Laid] = {}

    def lay(self, account: AccountName, answer: TokenResponse, at: Instant) -> None:
        """Keep the ID token of an answer, where it has one, in place of the last."""
        if answer.id_token is None:
            return
        self._laid.pop(account, None)
        self._laid[account] = Laid(
            value=answer.id_token, access_token=answer.access_token, obtained=at
        )
        while len(self._laid) > MOST_KEPT:
            del self._laid[next(iter(self._laid))]

    def find(self, account: AccountName) -> Laid | None:
        """The last that came, or None."""
        return self._laid.get(account)

    def drop(self, account: AccountName) -> None:
        """Forget an account's."""
        self._laid.pop(account, None)

    def clear(self) -> None:
        """Forget all."""
        self._laid.clear()
