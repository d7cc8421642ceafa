"""Who may do what on which socket. Pure: the same question has the same answer."""

from enum import Enum

import msgspec

from broker.model.peer import Peer, Socket


class Operation(Enum):
    """What a peer can ask for."""

    TOKEN = "token"  # noqa: S105 - the name of an operation
    """An access token."""
    LIST = "list"
    """Accounts and status."""
    MANAGE = "manage"
    """Logins, log-outs, the store, the daemon itself."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it may, and by which rule: the audit names it."""

    allowed: bool
    rule: str


def decide(socket: Socket, peer: Peer, operation: Operation) -> Decision:
    """Whether `peer` may do `operation` on `socket`.

    The admin socket allows its own user's programs everything and nobody else
    anything: the boundary is the uid, as with ssh-agent. Root could read the
    memory anyway, but is refused for clarity.
    """
    del operation  # every operation is the owner's on the admin socket
    if peer.uid != socket.owner_uid:
        return Decision(allowed=False, rule="another user")
    return Decision(allowed=True, rule=socket.name)
