"""Tokens that an API refused: how often that may cause a refresh. Asks nobody."""

from collections import deque

from broker.model.account import AccountName
from broker.model.time import Seconds

REJECTION_PAUSE = Seconds(10)
"""A token younger than this is not refreshed again because an API refused it."""

LIMITS = ((3, Seconds(30)), (12, Seconds(600)))
"""At most so many refreshes of one grant in so many seconds, over all its tokens: an
API that refuses every one of them must not make us hammer the issuer."""

_KEPT = max(count for count, _ in LIMITS)


class Rejections:
    """The refreshes that rejections have caused, for each grant."""

    def __init__(self) -> None:
        self._forced: dict[AccountName, deque[Seconds]] = {}

    def try_to_force(self, account: AccountName, now: Seconds) -> bool:
        """Count one more refresh where it is within the limits; whether it is.

        Args:
            account: whose grant would be refreshed.
            now: on the boot clock.
        """
        forced = self._forced.setdefault(account, deque(maxlen=_KEPT))
        for count, span in LIMITS:
            if sum(now - at < span for at in forced) >= count:
                return False
        forced.append(now)
        return True

    def forget(self, account: AccountName) -> None:
        """A login begins anew."""
        self._forced.pop(account, None)
