"""Accounts: one sign-in under the person's own name."""

import re
from typing import NewType

import msgspec

from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.issuer import Issuer
from broker.model.redirect import ResponseMode

AccountName = NewType("AccountName", str)
"""What the person calls the account, such as 'work' or 'alice@example.com'."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")


def parse_account_name(text: str) -> AccountName:
    """The name, checked.

    Raises:
        BadRequestError: it is empty, longer than 128 characters, starts with a sign,
            or holds anything but letters, digits and `._@+-`.
    """
    if not _NAME.fullmatch(text):
        raise BadRequestError(
            what="an account name has 1 to 128 letters, digits or . _ @ + - "
            "and starts with a letter or a digit"
        )
    return AccountName(text)


class RedirectChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Where the person wants the authorization response (RFC 8252 section 7.3).

    Attributes:
        host: the host of the redirect URI: '127.0.0.1', '::1' or 'localhost'.
        bind: the literal loopback address to listen on, where it is not the host's.
        port: 0 for any free port.
        uri: a whole redirect URI, exactly as it is registered, or None.
        mode: how the browser is to bring the response.
    """

    host: str | None = None
    bind: str | None = None
    port: int = 0
    uri: str | None = None
    mode: ResponseMode = ResponseMode.QUERY


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """All that a sign-in needs, so that `login NAME` alone repeats it.

    Attributes:
        name: the person's own name for it.
        issuer: endpoints as they were at the last login.
        preset: the name in issuers.toml, or None.
        client: the registration in use.
        scopes: what is asked for, in the person's order; may be empty.
        parameters: extra parameters of the authorization request.
        login_hint: who is expected to sign in, or None.
        redirect: see `RedirectChoice`.
        dpop: whether its tokens are to be bound to a key of the broker (RFC 9449).
        resource: the only one its tokens are for (RFC 8707), or None for any.
    """

    name: AccountName
    issuer: Issuer
    client: Client
    preset: str | None = None
    scopes: tuple[str, ...] = ()
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    login_hint: str | None = None
    redirect: RedirectChoice = RedirectChoice()
    dpop: bool = False
    resource: str | None = None
