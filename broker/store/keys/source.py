"""What a store asks of a source of keys, as a Protocol. Knows no particular source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from broker.model.secret import SecretBytes

RandomBytes = Callable[[int], bytes]
"""That many fresh random bytes, such as `secrets.token_bytes`."""


class KeyParametersError(Exception):
    """What the store recorded for this source is not what the source ever writes."""


class KeyUnavailableError(Exception):
    """The key cannot be had from where it is kept; the text says why to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key-encryption key, and what must be recorded to have it again.

    Attributes:
        key: 32 bytes.
        parameters: text kept in clear in the store and bound to the wrapped key; no
            secret, such as '{"algorithm": "argon2id", ...}'.
    """

    key: SecretBytes
    parameters: str


class KeySource(Protocol):
    """One place that a key-encryption key comes from.

    Both methods may block for seconds; the store calls them on a thread.
    """

    @property
    def name(self) -> str:
        """As it is recorded in the store and shown in `status`, such as 'plain'."""
        ...

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A key for a new store, which a source that keeps keys has kept by then.

        Never takes away the key of another store.

        Args:
            random: where fresh bytes come from.
            store_id: of the new store; in clear in it, no secret.

        Raises:
            BadRequestError: this source cannot be used as it was asked for.
            KeySourceUnavailableError: it cannot be had, or refused.
            StoreFailedError: the disk refused.
        """
        ...

    def recall(self, parameters: str) -> SecretBytes:
        """The key that `make` gave.

        Raises:
            LockedError: it cannot be had now; the reason says why.
            KeyParametersError: `parameters` are damaged.
        """
        ...

    def refused(self) -> Exception:
        """The error to raise where the recalled key does not open the store."""
        ...
