"""How an account without a person comes to its tokens. Sealed with its grant.

Where and as which client it asks is said in its account, as for any other. A kind is
known in the store and on the wire by its tag, which is never changed.
"""

import msgspec

from broker.model.account import AccountName
from broker.model.client import SigningKey
from broker.model.google import GoogleCredentials


class ClientCredentials(
    msgspec.Struct, frozen=True, kw_only=True, tag="client_credentials"
):
    """The client asks in its own name (RFC 6749 section 4.4).

    With its secret, its key or its certificate: whatever its account has.
    """


class View(msgspec.Struct, frozen=True, kw_only=True, tag="view"):
    """Part of what another account may do, under a name of its own.

    It asks for nothing itself: its tokens are the parent's. What part it is is said in
    its account, by scopes (none for all of them) and resource.

    Attributes:
        parent: the account whose tokens they are.
        wider: whether a token that can do more is served, from an issuer that does not
            narrow.
    """

    parent: AccountName
    wider: bool = False


class TokenExchange(msgspec.Struct, frozen=True, kw_only=True, tag="token_exchange"):
    """A token of another account is shown for one of this account (RFC 8693).

    Attributes:
        parent: whose token is shown.
        subject_type: of that token, in full.
        requested_type: of the one that is wanted, in full; None to leave it to the
            issuer.
        audiences: for whom it is to be, by names that the issuer knows.
    """

    parent: AccountName
    subject_type: str
    requested_type: str | None = None
    audiences: tuple[str, ...] = ()


class JwtBearer(msgspec.Struct, frozen=True, kw_only=True, tag="jwt_bearer"):
    """A JWT says for whom the token is to be (RFC 7523 section 2.1).

    Attributes:
        key: that signs it.
        issuer: `iss`, who signs: often the client.
        subject: `sub`, for whom.
        audience: `aud`, the issuer by the name that it wants there.
        claims: more of them.
    """

    key: SigningKey
    issuer: str
    subject: str
    audience: str
    claims: dict[str, str]


Unattended = ClientCredentials | JwtBearer | View | TokenExchange | GoogleCredentials
"""Every kind."""


def parent_of(unattended: Unattended | None) -> AccountName | None:
    """The account that it is made of, or None."""
    parent: AccountName | None = getattr(unattended, "parent", None)
    return parent


def kind_of(unattended: Unattended) -> str:
    """Its name in the store and on the wire, such as 'client_credentials'."""
    return str(unattended.__struct_config__.tag)
