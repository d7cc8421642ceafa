"""ID tokens as programs get them, and how they are asked for. Does no I/O."""

from __future__ import annotations

from brokerd_client.errors import reply_malformed
from brokerd_client.tokens import is_visible

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from typing import NoReturn

_TEXTS = ("id_token", "account", "audience", "subject", "issuer")


class IdToken:
    """Who an account's person is, signed by the issuer. Immutable; no text form.

    Attributes:
        value: the token itself, a signed JWT.
        expires_at: Unix seconds.
        account: whose it is.
        audience: for whom it is (`aud`).
        subject: the issuer's name for the person (`sub`).
        issuer: who signed it (`iss`); a person is (issuer, subject).
    """

    __slots__ = ("account", "audience", "expires_at", "issuer", "subject", "value")

    value: str
    expires_at: float
    account: str
    audience: str
    subject: str
    issuer: str

    # By hand: see tokens.py.
    def __init__(
        self,
        *,
        value: str,
        expires_at: float,
        account: str,
        audience: str,
        subject: str,
        issuer: str,
    ) -> None:
        put = object.__setattr__
        put(self, "value", value)
        put(self, "expires_at", expires_at)
        put(self, "account", account)
        put(self, "audience", audience)
        put(self, "subject", subject)
        put(self, "issuer", issuer)

    @property
    def header(self) -> str:
        """The value of an `Authorization` header, for whom it is for: 'Bearer …'."""
        return f"Bearer {self.value}"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an ID token is immutable: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an ID token is immutable: {name}")

    def __repr__(self) -> str:
        return (
            f"IdToken(***, account={self.account!r}, audience={self.audience!r}, "
            f"expires_at={self.expires_at!r})"
        )

    def __str__(self) -> NoReturn:
        raise TypeError("an ID token has no text form; use .value or .header")

    def __format__(self, spec: str) -> NoReturn:
        self.__str__()

    def __copy__(self) -> IdToken:
        return self

    def __deepcopy__(self, memo: object) -> IdToken:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a token is not pickled; ask the broker where it is needed")


def id_token_request(
    account: str | None, audience: str | None, min_ttl: float
) -> dict[str, object]:
    """The body of `POST /v1/id-token`; see `BrokerClient.id_token`."""
    body: dict[str, object] = {"min_ttl": min_ttl}
    if account is not None:
        body["account"] = account
    if audience is not None:
        body["audience"] = audience
    return body


def parse_id_token(reply: object) -> IdToken:
    """The ID token in a reply of `POST /v1/id-token`.

    Raises:
        ReplyMalformedError: it has another shape, or could not be sent in a header.
    """
    members: dict[str, object] = reply if isinstance(reply, dict) else {}
    expires_at = members.get("expires_at")
    texts = {name: members.get(name) for name in _TEXTS}
    known = {name: text for name, text in texts.items() if isinstance(text, str)}
    value = known.pop("id_token", "")
    if not value or not is_visible(value):
        raise reply_malformed("no ID token")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise reply_malformed("an ID token with an end that is no number")
    if len(known) != len(_TEXTS) - 1:
        raise reply_malformed("an ID token without whose and for whom it is")
    return IdToken(value=value, expires_at=expires_at, **known)
