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
        access_token: which its `at_hash` is of; None where it came alone.
        obtained: the moment before it was asked for.
    """

    value: Secret
    access_token: Secret | None
    obtained: Instant


class IdTokenShelf:
    """What the token endpoint gave last."""

    def __init__(self) -> None:
        self._laid: dict[tuple[AccountName, str | None], Laid] = {}

    def lay(self, account: AccountName, answer: TokenResponse, at: Instant) -> None:
        """Keep the ID token of an answer, where it has one, in place of the last."""
        if answer.id_token is None:
            return
        laid = Laid(
            value=answer.id_token, access_token=answer.access_token, obtained=at
        )
        self.put(account, laid)

    def put(self, account: AccountName, laid: Laid) -> None:
        """Keep one that came in place of the last."""
        self._put((account, None), laid)

    def lay_made(
        self, account: AccountName, audience: str, value: Secret, at: Instant
    ) -> Laid:
        """Keep one that was made for an audience, for an account without a person."""
        laid = Laid(value=value, access_token=None, obtained=at)
        self._put((account, audience), laid)
        return laid

    def find(self, account: AccountName, audience: str | None = None) -> Laid | None:
        """The last that came, or that was made for an audience; or None."""
        return self._laid.get((account, audience))

    def drop(self, account: AccountName) -> None:
        """Forget an account's."""
        for place in [place for place in self._laid if place[0] == account]:
            del self._laid[place]

    def clear(self) -> None:
        """Forget all."""
        self._laid.clear()

    def _put(self, place: tuple[AccountName, str | None], laid: Laid) -> None:
        self._laid.pop(place, None)
        self._laid[place] = laid
        while len(self._laid) > MOST_KEPT:
            del self._laid[next(iter(self._laid))]
