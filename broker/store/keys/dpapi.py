"""A key that Windows seals for the person (DPAPI). Knows no other system.

What Windows gave is recorded in the store, so that there is no second file to lose:

    {"store": the store's id in hex, "sealed": base64}

Every program of the person's may have it opened; nobody else, and nobody on another
machine, not even the person after an administrator has set a new password.
"""

from typing import Annotated, Protocol

import msgspec

from broker.model.errors import KeySourceUnavailableError, LockedError
from broker.model.secret import SecretBytes
from broker.store.keys.names import DPAPI
from broker.store.keys.source import (
    KeyParametersError,
    KeyUnavailableError,
    NewKey,
    RandomBytes,
)
from broker.store.sealing import KEY_BYTES, STORE_ID_BYTES

_StoreId = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * STORE_ID_BYTES}}}$")]
_Sealed = Annotated[bytes, msgspec.Meta(min_length=1, max_length=4096)]


class _Parameters(msgspec.Struct, frozen=True, kw_only=True):
    store: _StoreId
    sealed: _Sealed


class Protector(Protocol):
    """Seals for the person. Both raise OSError where Windows refuses."""

    def protect(self, key: SecretBytes, entropy: bytes) -> bytes:
        """`key`, sealed; `entropy` must be given again, and is no secret."""
        ...

    def unprotect(self, sealed: bytes, entropy: bytes) -> SecretBytes:
        """What was sealed."""
        ...


class Dpapi:
    """DPAPI as a `KeySource`."""

    name = DPAPI

    def __init__(self, protector: Protector) -> None:
        self._protector = protector

    def probe(self) -> None:
        """Whether Windows seals and opens; see `KeySource.probe`."""
        try:
            self._protector.unprotect(
                self._protector.protect(SecretBytes(bytes(KEY_BYTES)), b""), b""
            )
        except OSError as exc:
            raise KeyUnavailableError(f"Windows refused: {exc.strerror}") from exc

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A new key, sealed by Windows; the store's id is the entropy.

        Raises:
            KeySourceUnavailableError: Windows refused.
        """
        key = SecretBytes(random(KEY_BYTES))
        try:
            sealed = self._protector.protect(key, store_id)
        except OSError as exc:
            raise KeySourceUnavailableError(
                source=self.name, reason=f"Windows refused: {exc.strerror}"
            ) from exc
        recorded = _Parameters(store=store_id.hex(), sealed=sealed)
        return NewKey(key=key, parameters=msgspec.json.encode(recorded).decode())

    def recall(self, parameters: str) -> SecretBytes:
        """The key, opened by Windows.

        Raises:
            LockedError: Windows refused: another user, machine or, set by an
                administrator, password.
            KeyParametersError: nothing that `make` writes.
        """
        try:
            recorded = msgspec.json.decode(parameters, type=_Parameters)
        except (msgspec.DecodeError, ValueError) as exc:
            raise KeyParametersError from exc
        try:
            return self._protector.unprotect(
                recorded.sealed, bytes.fromhex(recorded.store)
            )
        except OSError as exc:
            raise LockedError(
                reason=f"Windows does not open the key: {exc.strerror}"
            ) from exc

    def forget(self, parameters: str) -> None:
        """Nothing to do: the sealed key goes with its slot."""
        del parameters

    def anchor(self, parameters: str) -> None:
        """None: what Windows seals lies in the store itself."""
        del parameters

    def refused(self) -> LockedError:
        """Windows opened what another store's key was sealed into."""
        return LockedError(reason="the key that Windows opened is not this store's")
