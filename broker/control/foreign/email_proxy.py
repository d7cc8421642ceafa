"""email-oauth2-proxy's configuration: tokens sealed under the account's mail password.

Fernet; its key is PBKDF2-SHA256 of the password and `token_salt`, in as many rounds as
`token_iterations` says, or as its versions have had. Source: email-oauth2-proxy,
`emailproxy.py`.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from hashlib import pbkdf2_hmac

from msgspec.structs import replace

from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    WrongPasswordError,
    label_of,
)
from broker.control.foreign.marked import Marked, parse_ini
from broker.model.secret import Secret

_ROUNDS = (1_200_000, 870_000, 100_000)
_MOST_ROUNDS = 10_000_000
_KEPT = ("refresh_token", "access_token", "access_token_expiry", "token_salt")


def parse_email_proxy(data: bytes, password: Secret | None) -> tuple[Found, ...]:
    """Every account that has signed in.

    With a password those that it opens: each mailbox has its own, as the mail program
    gives it.
    """
    accounts = {
        name: section
        for name, section in parse_ini(data).items()
        if "token_salt" in section and "refresh_token" in section
    }
    sealed = {name: _sealed(name, section) for name, section in accounts.items()}
    if password is None or not sealed:
        return tuple(sealed.values())
    opened = {
        name: _opened(sealed[name], section, password)
        for name, section in accounts.items()
    }
    if all(found is None for found in opened.values()):
        raise WrongPasswordError("is not opened by this password, for any account")
    return tuple(opened[name] or sealed[name] for name in accounts)


def _sealed(name: str, section: Mapping[str, Marked]) -> Found:
    def said(key: str) -> str | None:
        marked = section.get(key)
        return marked.value or None if marked else None

    secret = said("client_secret")
    return Found(
        label=label_of(name),
        token_endpoint=said("token_url"),
        client_id=said("client_id"),
        client_secret=Secret(secret) if secret else None,
        scopes=tuple((said("oauth2_scope") or "").split()),
        is_sealed=True,
        lines=tuple(
            line for key in _KEPT if key in section for line in section[key].lines
        ),
    )


def _opened(
    sealed: Found, section: Mapping[str, Marked], password: Secret
) -> Found | None:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - slow, and rarely needed

    for key in _keys(section, password):
        try:
            refresh_token = _decrypted(key, section["refresh_token"])
            hidden = section.get("client_secret_encrypted")
            secret = sealed.client_secret
            if secret is None and hidden is not None:
                secret = _decrypted(key, hidden)
        except InvalidToken:
            continue
        return replace(
            sealed, refresh_token=refresh_token, client_secret=secret, is_sealed=False
        )
    return None


def _decrypted(key: bytes, marked: Marked) -> Secret:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - slow, and rarely needed

    try:
        return Secret(Fernet(key).decrypt(marked.value.encode()).decode())
    except UnicodeDecodeError:
        raise ForeignFileError("holds a token that is no text") from None


def _keys(section: Mapping[str, Marked], password: Secret) -> Iterator[bytes]:
    try:
        salt = base64.b64decode(section["token_salt"].value, validate=True)
        said = section.get("token_iterations")
        own = () if said is None else (int(said.value),)
    except (binascii.Error, ValueError):
        raise ForeignFileError("has a token_salt that is none") from None
    if any(not 0 < rounds <= _MOST_ROUNDS for rounds in own):
        raise ForeignFileError("asks for more rounds than the proxy ever has")
    for rounds in dict.fromkeys((*own, *_ROUNDS)):
        typed = password.reveal().encode()
        yield base64.urlsafe_b64encode(pbkdf2_hmac("sha256", typed, salt, rounds))
