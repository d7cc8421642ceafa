"""The keys of an unlocked store, kept for a while by the kernel.

So that a daemon that is started again needs no passphrase within that time. What the
kernel keeps, every program of the person's can read meanwhile; it is gone after a
restart of the machine at the latest. Without such a keyring there is no cache.
"""

import errno
import logging
from typing import Protocol

from broker.model.secret import SecretBytes
from broker.store.sealing import (
    DataKeys,
    SealBrokenError,
    joined_keys,
    parse_joined_keys,
)

log = logging.getLogger(__name__)

_NO_KEYRING = frozenset({errno.ENOSYS, errno.EPERM})
"""Nothing can have been kept there: this system has none, or a container forbids it."""


class TimedKeyring(Protocol):
    """A keyring that drops what it keeps in time; see `KernelKeyring`.

    Every method raises OSError where it cannot be had.
    """

    def keep(self, name: str, secret: SecretBytes, seconds: int) -> None:
        """Keep it in the place of what had this name; `seconds` is at least 1."""
        ...

    def find(self, name: str) -> SecretBytes | None:
        """What is kept under this name, or None where nothing is, or no longer."""
        ...

    def remove(self, name: str) -> None:
        """Take it away, if it is there."""
        ...


class UnlockCache:
    """The keys of each store. No method raises; each is done in microseconds."""

    def __init__(self, keyring: TimedKeyring) -> None:
        self._keyring = keyring
        self._said = False

    def remember(self, store_id: bytes, keys: DataKeys, seconds: int) -> bool:
        """Keep the keys for this long, counted from now; with 0, forget them.

        Only tried: where they cannot be kept, the next start needs the key source.

        Args:
            store_id: of the store.
            keys: what every slot gives.
            seconds: for which they are kept.

        Returns:
            whether they are kept now.
        """
        if seconds < 1:
            self.forget(store_id)
            return False
        try:
            self._keyring.keep(_name(store_id), joined_keys(keys), seconds)
        except OSError as exc:
            self._say(exc)
            return False
        return True

    def recall(self, store_id: bytes) -> DataKeys | None:
        """The keys, or None where none are kept, or no longer.

        Not checked against the store: any program of the person's can put another one
        in its place. One that does not open the store should be forgotten.
        """
        try:
            kept = self._keyring.find(_name(store_id))
        except OSError as exc:
            self._say(exc)
            return None
        if kept is None:
            return None
        try:
            return parse_joined_keys(kept.reveal())
        except SealBrokenError:
            return None

    def forget(self, store_id: bytes) -> None:
        """Have them gone at once; what cannot be had gone is said in the log."""
        try:
            self._keyring.remove(_name(store_id))
        except OSError as exc:
            if exc.errno in _NO_KEYRING:
                self._say(exc)
            else:
                log.warning("unlock_cache.forget.failed error=%r", exc.strerror)

    def _say(self, exc: OSError) -> None:
        if not self._said:
            log.debug("unlock_cache.unavailable error=%r", exc.strerror)
        self._said = True


def _name(store_id: bytes) -> str:
    return f"brokerd:unlock:{store_id.hex()}"
