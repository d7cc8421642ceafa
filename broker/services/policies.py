"""The person's policy: sealed, at hand, and written in one place."""

import logging
from collections.abc import Callable

import msgspec

from broker.model.errors import SettingDamagedError
from broker.model.policy import OPEN, Policy, Verdict
from broker.services.interfaces import GrantStore

log = logging.getLogger(__name__)

_SETTING = "policy"

_SHUT = Policy(default=Verdict.DENY)
"""Where there was a policy that cannot be read: it may have denied anything."""


class Policies:
    """The policy of one open store.

    Args:
        changed: is told when another one is in force.

    Attributes:
        current: what is in force.
        is_damaged: whether the one in the store cannot be read; then nothing is
            allowed until the person sets another.
    """

    def __init__(
        self, store: GrantStore, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._changed = changed
        self.current = OPEN
        self.is_damaged = False

    async def load(self) -> None:
        """Read it, where one was ever set."""
        try:
            text = await self._store.load_setting(_SETTING)
            if text is not None:
                self.current = msgspec.json.decode(text, type=Policy)
        except (SettingDamagedError, msgspec.DecodeError) as exc:
            log.warning("policy.damaged fault=%s", type(exc).__name__)
            self.current, self.is_damaged = _SHUT, True

    async def set(self, policy: Policy) -> None:
        """Put `policy` in force, once it is saved.

        Raises:
            StoreFailedError: the disk refused; nothing has changed.
        """
        text = msgspec.json.encode(policy).decode()
        await self._store.save_setting(_SETTING, text)
        self.current, self.is_damaged = policy, False
        self._changed()
