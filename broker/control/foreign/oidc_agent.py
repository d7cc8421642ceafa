"""oidc-agent's account files: JSON sealed under the account's password.

Seven lines: length of the cipher text, nonce, salt, `nonce:salt:mac:key:base64
variant:ops:memory:algorithm`, cipher text, verifier, version. Argon2id makes 64 bytes
of the password: the key of libsodium's secretbox, and the verifier. Source: oidc-agent,
`src/utils/crypt/crypt.c`. A running agent gives access tokens, and nothing else.
"""

import base64
import binascii
import hmac
import re

import msgspec

from broker.control.foreign.found import (
    NO_LABEL,
    ForeignFileError,
    Found,
    WrongPasswordError,
    label_of,
    parse_object,
    scopes_member,
    secret_member,
    text_member,
)
from broker.model.secret import Secret

_LINES = 7
_KEY_BYTES = 32
_ARGON2ID = 2
_BASE64_ORIGINAL = 1
_MOST_PASSES, _MOST_MEMORY = 8, 256 * 1024 * 1024
"""oidc-agent has 2 and 64 MiB; a file may not make this process take all there is."""

_VERSION = re.compile(r"Generated using version: (\d{1,3})\.\d{1,3}\.\d{1,3}\s*")

NEEDS_PYNACL = (
    "is sealed by oidc-agent, and PyNaCl, which opens it, is not installed: "
    "`pip install 'brokerd[oidc-agent]'` where brokerd is"
)


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    nonce: bytes
    salt: bytes
    passes: int
    memory: int
    cipher: bytes
    verifier: bytes


def parse_oidc_agent(data: bytes, password: Secret | None) -> tuple[Found, ...]:
    """The account; only that it is one, where no password was given."""
    if data.startswith(b"-----BEGIN PGP MESSAGE"):
        obstacle = "is encrypted for gpg: print it with `oidc-gen -p`, and sign in anew"
        return (Found(label=NO_LABEL, obstacle=obstacle, is_sealed=True),)
    sealed = _parse(data)
    if password is None:
        return (Found(label=NO_LABEL, is_sealed=True),)
    account = parse_object(_open(sealed, password))
    return (
        Found(
            label=label_of(account.get("name")),
            issuer=text_member(account, "issuer_url") or text_member(account, "issuer"),
            client_id=text_member(account, "client_id"),
            client_secret=secret_member(account, "client_secret"),
            refresh_token=secret_member(account, "refresh_token"),
            scopes=scopes_member(account, "scope"),
            obstacle=None if account.get("refresh_token") else "holds no refresh token",
        ),
    )


def _parse(data: bytes) -> _Sealed:
    try:
        lines = data.decode("ascii").rstrip("\n").split("\n")
    except UnicodeDecodeError:
        raise ForeignFileError("is no account file of oidc-agent's") from None
    if len(lines) != _LINES or not _VERSION.fullmatch(lines[-1]):
        raise ForeignFileError("is no account file of oidc-agent 2.1 or newer")
    try:
        *sizes, variant, passes, memory, algorithm = map(int, lines[3].split(":"))
        decoded = [base64.b64decode(lines[n], validate=True) for n in (1, 2, 4, 5)]
        length = int(lines[0])
    except (ValueError, binascii.Error):
        raise ForeignFileError("is an account file with a broken line") from None
    nonce, salt, cipher, verifier = decoded
    own = [24, 16, 16, _KEY_BYTES, _BASE64_ORIGINAL, _ARGON2ID]
    if [*sizes, variant, algorithm] != own or sizes[:2] != [len(nonce), len(salt)]:
        raise ForeignFileError("is sealed in a way that oidc-agent is not known for")
    if not (0 < passes <= _MOST_PASSES and 0 < memory <= _MOST_MEMORY):
        raise ForeignFileError("asks for more memory than oidc-agent's own files do")
    if len(cipher) != length:
        raise ForeignFileError("is cut off")
    return _Sealed(
        nonce=nonce,
        salt=salt,
        passes=passes,
        memory=memory,
        cipher=cipher,
        verifier=verifier,
    )


def _open(sealed: _Sealed, password: Secret) -> bytes:
    try:
        from nacl import exceptions, pwhash, secret  # noqa: PLC0415 - an extra
    except ImportError:
        raise ForeignFileError(NEEDS_PYNACL) from None
    try:
        keys = pwhash.argon2id.kdf(
            2 * _KEY_BYTES,
            password.reveal().encode(),
            sealed.salt,
            opslimit=sealed.passes,
            memlimit=sealed.memory,
        )
    except (exceptions.CryptoError, ValueError, RuntimeError):
        raise ForeignFileError("has parameters that Argon2 refuses") from None
    if not hmac.compare_digest(keys[_KEY_BYTES:], sealed.verifier):
        raise WrongPasswordError("is not opened by this password")
    try:
        opened: bytes = secret.SecretBox(keys[:_KEY_BYTES]).decrypt(
            sealed.cipher, sealed.nonce
        )
    except exceptions.CryptoError:
        raise ForeignFileError("is damaged: its seal is broken") from None
    return opened
