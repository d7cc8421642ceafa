"""What a peer asks for, and what it gets. Pure."""

import msgspec

from broker.model.account import AccountName
from broker.model.time import Seconds
from broker.model.token import AccessToken, Scopes
from broker.services.circuit import Outage

NO_MIN_TTL = Seconds(0)
"""Any token that has not expired will do."""

USUAL_WAIT = Seconds(25)
"""For the person's answer, where one is asked: less than programs wait for us."""


class TokenWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer asks for.

    Attributes:
        account: None for the one that is meant where none is named.
        scopes: None for all that was granted.
        resource: RFC 8707, or None.
        audience: for whom an ID token is to be, as it was named; or None.
        min_ttl: seconds of life that the peer still needs.
        rejected: SHA-256 in hex of a token that an API refused, or None.
        wait: seconds for the person's answer, where one is asked.
    """

    account: AccountName | None = None
    scopes: Scopes | None = None
    resource: str | None = None
    audience: str | None = None
    min_ttl: Seconds = NO_MIN_TTL
    rejected: str | None = None
    wait: Seconds = USUAL_WAIT


class Written(dict[object, tuple[bytes, bytes]]):
    """Answers in bytes, in two halves, by their forms: made by whoever writes them.

    They lie beside the token that is in them, and go when that goes: nobody else need
    know that there are copies. Forms must be few.
    """

    def __repr__(self) -> str:  # as of a secret
        return "Written(***)"


class TokenServed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        account: whose.
        token: with all the scopes that it has.
        extra_scopes: what it can do beyond what was asked for: some issuers do not
            narrow, and whoever hands the token on must know.
        outage: where its issuer is down: there will be no newer one before `until`.
        written: the same in bytes, for those who ask again.
    """

    account: AccountName
    token: AccessToken
    extra_scopes: Scopes = frozenset()
    outage: Outage | None = None
    written: Written = msgspec.field(default_factory=Written)
