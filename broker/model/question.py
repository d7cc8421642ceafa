"""What a person is asked before a token is handed out. Pure."""

import msgspec

from broker.model.account import AccountName
from broker.model.peer_facts import PeerFacts
from broker.model.policy import Operation
from broker.model.time import UnixTime
from broker.model.token import Scopes


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """May this program have that?

    Attributes:
        account: whose token.
        operation: what is asked for.
        scopes: of the token; None for all that was granted.
        resource: what it is for (RFC 8707), or None.
        socket: which one the program came in on.
        socket_made_at: when that was made, where it is a restricted one.
        facts: what is known of the program; all but the uid may be imitated by programs
            of the same user.
        every: whether no earlier answer counts, and none is remembered.
    """

    account: AccountName
    operation: Operation
    scopes: Scopes | None = None
    resource: str | None = None
    socket: str
    socket_made_at: UnixTime | None = None
    facts: PeerFacts
    every: bool = False
