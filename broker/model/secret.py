"""Secrets as types without a text form. Knows nothing of who uses them."""

import hmac
from typing import NoReturn

_NO_TEXT = "a secret has no text form; call reveal() where it is used"
_NO_COPY = "a secret can be neither copied nor pickled"


class Secret:
    """Secret text: a token, a code, a verifier, a client secret, a passphrase.

    `str()` raises instead of masking: a mask would be sent to the issuer.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself; called only where it is written out or hashed."""
        return self._value

    def __repr__(self) -> str:  # dataclasses and tracebacks stay safe
        return "Secret(***)"

    def __str__(self) -> NoReturn:  # f"Bearer {token}" fails in its first test
        raise TypeError(_NO_TEXT)

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError(_NO_TEXT)

    def __reduce_ex__(self, protocol: object) -> NoReturn:  # copy, pickle, asdict
        raise TypeError(_NO_COPY)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())


class SecretBytes:
    """Secret bytes: a key. The same rules as `Secret`."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves; called only where they are used as a key."""
        return self._value

    def __repr__(self) -> str:
        return "SecretBytes(***)"

    def __str__(self) -> NoReturn:
        raise TypeError(_NO_TEXT)

    def __bytes__(self) -> NoReturn:
        raise TypeError(_NO_TEXT)

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError(_NO_TEXT)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(_NO_COPY)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretBytes):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)
