"""Who asks: the local program at the other end of a socket, and which socket."""

from typing import Protocol

import msgspec

from broker.model.restriction import Restriction


class SocketOptions(Protocol):
    """A connected socket, or what an event loop shows of one."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """An option as the kernel's own bytes."""
        ...


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel says of the other end.

    Attributes:
        uid: the boundary; from the kernel at connect.
        pid: a label, never a wall: it may be dead or reused; None where unknown.
    """

    uid: int
    pid: int | None = None


class Socket(msgspec.Struct, frozen=True, kw_only=True):
    """A door that peers reach.

    Attributes:
        name: 'admin' for the door of the person's own programs.
        owner_uid: the uid that runs the daemon.
        restriction: what a restricted socket is for; None for the admin socket.
    """

    name: str
    owner_uid: int
    restriction: Restriction | None = None

    def serves(self, uid: int) -> bool:
        """Whether peers of this user may ask here at all.

        The boundary is the uid: its owner's programs and nobody else's, root's neither:
        root could read the memory anyway, but is refused for clarity. Only to a
        socket made for a group do others come, and there the kernel has seen at their
        connect that they are of it.
        """
        if uid == self.owner_uid:
            return True
        is_shared = self.restriction is not None and self.restriction.group is not None
        return is_shared and uid != 0
