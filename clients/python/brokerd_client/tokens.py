"""Access tokens as programs get them, and how they are asked for. Does no I/O."""

from __future__ import annotations

from brokerd_client.errors import reply_malformed

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

DEFAULT_MIN_TTL = 300.0
"""Seconds of life that a token still has when it is handed out: Google's libraries
call a token dead 225 s before its end, and Node's 300 s."""

BEARER = "Bearer"
NOT_APPLICABLE = "N_A"
DPOP = "DPoP"
"""The types of a token: whoever has it may use it; or it is bound to a key of the
broker, and an API takes it with a proof only (RFC 9449)."""


class Token:
    """One access token. Immutable; its value is in no text form of it.

    Attributes:
        value: the token itself.
        expires_at: Unix seconds, or None where the issuer gave no end.
        scopes: what it may do, sorted.
        account: whose it is.
        token_type: 'Bearer'; 'DPoP' where it is bound to a key of the broker; 'N_A'
            where it was exchanged for something that is no access token (RFC 8693).
    """

    __slots__ = ("account", "expires_at", "scopes", "token_type", "value")

    value: str
    expires_at: float | None
    scopes: tuple[str, ...]
    account: str
    token_type: str

    # By hand: the dataclasses module would add half to the time of a command.
    def __init__(
        self,
        *,
        value: str,
        expires_at: float | None,
        scopes: tuple[str, ...],
        account: str,
        token_type: str = BEARER,
    ) -> None:
        put = object.__setattr__
        put(self, "value", value)
        put(self, "expires_at", expires_at)
        put(self, "scopes", scopes)
        put(self, "account", account)
        put(self, "token_type", token_type)

    @property
    def header(self) -> str:
        """The value of an `Authorization` header: 'Bearer …' (RFC 6750 section 2.1).

        Or 'DPoP …', which an API takes with a proof only.
        """
        return f"{self.token_type} {self.value}"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a token is immutable: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a token is immutable: {name}")

    def __repr__(self) -> str:
        return (
            f"Token(***, account={self.account!r}, scopes={self.scopes!r}, "
            f"expires_at={self.expires_at!r})"
        )

    def __str__(self) -> NoReturn:  # f"Bearer {token}" fails in its first test
        raise TypeError("a token has no text form; use .value or .header")

    def __format__(self, spec: str) -> NoReturn:
        self.__str__()

    def __copy__(self) -> Token:
        return self

    def __deepcopy__(self, memo: object) -> Token:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a token is not pickled; ask the broker where it is needed")


def token_request(
    *,
    account: str | None,
    scopes: Sequence[str] | None,
    resource: str | None,
    min_ttl: float,
    rejected: Token | str | None,
) -> dict[str, object]:
    """The body of `POST /v1/token`.

    Args:
        account: None for the default one.
        scopes: None for all that were granted; one string is split at spaces.
        resource: the API the token is for (RFC 8707), or None.
        min_ttl: seconds of life that are still needed.
        rejected: the token that an API refused, or None. Its hash is sent.
    """
    body: dict[str, object] = {"min_ttl": min_ttl}
    if account is not None:
        body["account"] = account
    if scopes is not None:
        body["scopes"] = scopes.split() if isinstance(scopes, str) else list(scopes)
    if resource is not None:
        body["resource"] = resource
    if rejected is not None:
        value = rejected.value if isinstance(rejected, Token) else rejected
        body["rejected"] = token_digest(value)
    return body


def token_digest(value: str) -> str:
    """How a token is named without saying it: SHA-256 in lower-case hex."""
    import hashlib  # noqa: PLC0415 - 4 ms that only a refused token needs

    return hashlib.sha256(value.encode()).hexdigest()


def parse_token(reply: object) -> Token:
    """The token in a reply of `POST /v1/token`.

    Raises:
        ReplyMalformedError: it has another shape, or the token could not be sent in
            a header as it is.
    """
    members: dict[str, object] = reply if isinstance(reply, dict) else {}
    value = members.get("access_token")
    expires_at = members.get("expires_at")
    scopes = members.get("scopes")
    account = members.get("account")
    token_type = members.get("token_type")
    # RFC 6749 appendix A.12: visible characters. A line end would smuggle a header.
    if not isinstance(value, str) or not value or not is_visible(value):
        raise reply_malformed("no access token")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float | None):
        raise reply_malformed("a token with an end that is no number")
    if not isinstance(scopes, list) or not all(isinstance(s, str) for s in scopes):
        raise reply_malformed("a token without its scopes")
    if not isinstance(account, str):
        raise reply_malformed("a token without its account")
    # RFC 6749 section 7.1: a token of unknown type must not be used.
    if token_type not in (BEARER, DPOP, NOT_APPLICABLE):
        raise reply_malformed("a token of an unknown type")
    return Token(
        value=value,
        expires_at=expires_at,
        scopes=tuple(scopes),
        account=account,
        token_type=token_type,
    )


def parse_bare_token(body: bytes) -> str:
    """The token that is the whole of a reply in text/plain.

    Raises:
        ReplyMalformedError: see `parse_token`.
    """
    value = body.decode("latin-1")
    if not value or not is_visible(value):
        raise reply_malformed("no access token")
    return value


def is_visible(text: str) -> bool:
    """Whether a header can hold it as it is: printable ASCII."""
    return all(" " <= c <= "~" for c in text)
