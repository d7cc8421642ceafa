"""What a store asks of a source of keys, as a Protocol. Knows no particular source."""

import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from broker.model.secret import SecretBytes
from broker.store.anchor import Anchor

log = logging.getLogger(__name__)

RandomBytes = Callable[[int], bytes]
"""That many fresh random bytes, such as `secrets.token_bytes`."""


class KeyParametersError(Exception):
    """What the store recorded for this source is not what the source ever writes."""


class KeyUnavailableError(Exception):
    """The key cannot be had from where it is kept; the text says why to people."""


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
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

    `name` and `refused` apart, all may block for seconds; they are called on a thread.
    """

    @property
    def name(self) -> str:
        """As it is recorded in the store and shown in `status`, such as 'plain'."""
        ...

    def probe(self) -> None:
        """Whether a new store could keep its key here now; asks nobody anything.

        Raises:
            KeyUnavailableError: it could not.
        """
        ...

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A key for a new store, which a source that keeps keys has kept by then.

        Never takes away another key, be it of the same store.

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

    def forget(self, parameters: str) -> str | None:
        """Take away what `make` has kept: its slot is gone.

        Only tried: the slot is gone all the same, and what is left opens older copies
        of the store alone.

        Returns:
            What could not be taken away and why, for people; it is in the log as well.
            None where nothing is left.
        """
        ...

    def anchor(self, parameters: str) -> Anchor | None:
        """Where this source keeps the store's generation beside the key.

        It is one for all keys of a store that this source keeps, and `forget` leaves
        it: a copy from before a rotation is told, too.

        Returns:
            None where the source keeps nothing of the kind.

        Raises:
            KeyParametersError: `parameters` are damaged.
        """
        ...

    def refused(self) -> Exception:
        """The error to raise where the recalled key does not open the store."""
        ...


def left(source: str, why: str) -> str:
    """A key that could not be taken away: in the log, and for people."""
    log.warning("key.forget.failed source=%s reason=%r", source, why)
    return f"the key is still kept by {source}: {why}"
