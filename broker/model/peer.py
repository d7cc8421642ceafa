"""Who asks: the local program at the other end of a socket, and which socket."""

from dataclasses import dataclass

import msgspec


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel says of the other end.

    Attributes:
        uid: the boundary; from the kernel at connect.
        pid: a label, never a wall: it may be dead or reused; None where unknown.
    """

    uid: int
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """A door that peers reach.

    Attributes:
        name: 'admin' for the door of the person's own programs.
        owner_uid: the only uid it serves.
    """

    name: str
    owner_uid: int
