"""The key from a passphrase that only the person knows. Knows no terminal.

Argon2id where this installation has it, else scrypt. The algorithm, its salt and its
cost are recorded in the store, so that either can be changed without losing a store:

    {"algorithm": "argon2id", "salt": base64, "memory_kib": 65536, ...}
"""

import unicodedata
from collections.abc import Callable
from typing import Annotated

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf import argon2, scrypt

from broker.model.errors import BadRequestError, LockedError, WrongPassphraseError
from broker.model.secret import Secret, SecretBytes
from broker.store.keys.names import PASSPHRASE
from broker.store.keys.source import KeyParametersError, NewKey, RandomBytes
from broker.store.sealing import KEY_BYTES

SALT_BYTES = 16

# The upper bounds: whoever can write to the file must not be able to make the daemon
# take all memory or think for ever. 1 GiB, and a hundred times today's work.
_Salt = Annotated[bytes, msgspec.Meta(min_length=8, max_length=64)]
_Kibibytes = Annotated[int, msgspec.Meta(ge=8, le=2**20)]
_Iterations = Annotated[int, msgspec.Meta(ge=1, le=300)]
_Lanes = Annotated[int, msgspec.Meta(ge=1, le=64)]
_ScryptCost = Annotated[int, msgspec.Meta(ge=2, le=2**20)]
_ScryptBlock = Annotated[int, msgspec.Meta(ge=1, le=8)]
_ScryptParallel = Annotated[int, msgspec.Meta(ge=1, le=16)]


class Argon2id(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="algorithm", tag="argon2id"
):
    """RFC 9106; the second recommended option of its section 4 by default."""

    salt: _Salt
    memory_kib: _Kibibytes = 64 * 1024
    iterations: _Iterations = 3
    lanes: _Lanes = 4

    def derive(self, passphrase: bytes) -> bytes:
        """The key: 32 bytes.

        Raises:
            UnsupportedAlgorithm: cryptography was built without it.
        """
        kdf = argon2.Argon2id(
            salt=self.salt,
            length=KEY_BYTES,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        return kdf.derive(passphrase)


class Scrypt(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="algorithm", tag="scrypt"
):
    """RFC 7914; 128 MiB by default."""

    salt: _Salt
    n: _ScryptCost = 2**17
    r: _ScryptBlock = 8
    p: _ScryptParallel = 1

    def derive(self, passphrase: bytes) -> bytes:
        """The key: 32 bytes."""
        kdf = scrypt.Scrypt(
            salt=self.salt, length=KEY_BYTES, n=self.n, r=self.r, p=self.p
        )
        return kdf.derive(passphrase)


def has_argon2id() -> bool:
    """Whether this installation can compute Argon2id (OpenSSL 3.2 and up)."""
    try:
        argon2.Argon2id(
            salt=bytes(8), length=KEY_BYTES, iterations=1, lanes=1, memory_cost=8
        )
    except UnsupportedAlgorithm:
        return False
    return True


def best_derivation(salt: bytes) -> Argon2id | Scrypt:
    """The derivation for a new store."""
    return Argon2id(salt=salt) if has_argon2id() else Scrypt(salt=salt)


class Passphrase:
    """A passphrase as a `KeySource`."""

    name = PASSPHRASE

    def __init__(
        self,
        passphrase: Secret,
        derivation: Callable[[bytes], Argon2id | Scrypt] = best_derivation,
    ) -> None:
        """Take the passphrase.

        Args:
            passphrase: as the person typed it.
            derivation: given a salt, how a new store's key is derived.
        """
        self._passphrase = passphrase
        self._derivation = derivation

    def probe(self) -> None:
        """Always ready: the key is derived here."""

    def make(self, random: RandomBytes, store_id: bytes) -> NewKey:
        """A key from the passphrase and a fresh salt.

        Raises:
            BadRequestError: the passphrase is empty.
        """
        del store_id  # the salt is the store's own
        if not self._passphrase.reveal():
            raise BadRequestError(what="the passphrase is empty")
        derivation = self._derivation(random(SALT_BYTES))
        return NewKey(
            key=self._derived(derivation),
            parameters=msgspec.json.encode(derivation).decode(),
        )

    def recall(self, parameters: str) -> SecretBytes:
        """The key from the passphrase and the recorded salt and cost.

        Raises:
            LockedError: this installation cannot compute the algorithm.
            KeyParametersError: no derivation that `make` writes, or one that would
                take all memory.
        """
        try:
            derivation = msgspec.json.decode(parameters, type=Argon2id | Scrypt)
            return self._derived(derivation)
        except UnsupportedAlgorithm as exc:
            raise LockedError(
                reason="this installation of cryptography has no argon2id, "
                "from which the key of the store is derived"
            ) from exc
        except (msgspec.DecodeError, ValueError) as exc:
            raise KeyParametersError from exc

    def forget(self, parameters: str) -> None:
        """Nothing to do: only the person has it."""
        del parameters

    def anchor(self, parameters: str) -> None:
        """None: nothing is kept anywhere."""
        del parameters

    def refused(self) -> WrongPassphraseError:
        """The key was derived from another passphrase."""
        return WrongPassphraseError()

    def _derived(self, derivation: Argon2id | Scrypt) -> SecretBytes:
        # NFC: macOS and Linux type the same letter in different code points. Lone
        # surrogates pass: an error here would carry the passphrase.
        typed = unicodedata.normalize("NFC", self._passphrase.reveal())
        return SecretBytes(derivation.derive(typed.encode("utf-8", "surrogatepass")))
