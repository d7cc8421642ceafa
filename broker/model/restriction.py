"""What a restricted socket is for: fixed when it is made. Pure.

What its peers send is narrowed to this or refused; nothing that they send widens it.
"""

import re
from enum import Enum
from typing import NewType

import msgspec

from broker.model.account import AccountName
from broker.model.errors import BadRequestError
from broker.model.policy import Operation
from broker.model.time import Seconds, UnixTime
from broker.model.token import Scopes

SocketName = NewType("SocketName", str)
"""What the person calls the socket, such as 'ci'."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,31}", re.ASCII)


def parse_socket_name(text: str) -> SocketName:
    """The name, checked: it is that of a folder, too, in a path that is short.

    Raises:
        BadRequestError: it is empty, longer than 32 characters, starts with a sign, or
            holds anything but letters, digits and `._@+-`; or it is that of the admin
            socket.
    """
    if not _NAME.fullmatch(text) or text == "admin":
        raise BadRequestError(
            what="a socket's name has 1 to 32 letters, digits or . _ @ + -, starts "
            "with a letter or a digit, and is not 'admin'"
        )
    return SocketName(text)


ALWAYS_PERMITTED = frozenset({Operation.ACCOUNTS})
"""On every restricted socket: of its own accounts."""

FOR_RESTRICTED = frozenset(
    {Operation.TOKEN, Operation.ID_TOKEN, Operation.DPOP_PROOF, Operation.LOGIN}
)
"""What can be permitted on one. Everything else does not exist there."""


class Confirm(Enum):
    """When the person is asked about a request on a restricted socket."""

    NEVER = "never"
    FIRST = "first"
    """At a program's first; what was answered is remembered, as for `ask`."""
    ALWAYS = "always"


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """At most `most` tokens in any `seconds`."""

    most: int
    seconds: Seconds


class Runner(msgspec.Struct, frozen=True, kw_only=True):
    """A process that a socket is there for.

    Attributes:
        pid: its number.
        started: when it started, see `PeerFacts.started`: with it the number is that of
            one process for good.
    """

    pid: int
    started: int


class Restriction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a restricted socket is.

    Attributes:
        name: the person's own name for it.
        accounts: whose tokens; one at least.
        scopes: the most that a token may have; None for all that was granted.
        resource: the only one that tokens are for (RFC 8707), or None for any.
        max_ttl: seconds after which a peer must ask again, at most; see
            `services.gate`.
        operations: of `FOR_RESTRICTED`.
        rate: None for any number.
        expires_at: the end of the socket, or None.
        uses: tokens that it gives in all its life, or None for any number.
        confirm: when the person is asked.
        group: of the operating system; its members may connect, too.
        path: where it lies, where the person has said so; None for the usual place.
        runner: the process with which it ends, or None.
        made_at: when.
    """

    name: SocketName
    accounts: tuple[AccountName, ...]
    made_at: UnixTime
    scopes: Scopes | None = None
    resource: str | None = None
    max_ttl: Seconds | None = None
    operations: frozenset[Operation] = frozenset({Operation.TOKEN})
    rate: Rate | None = None
    expires_at: UnixTime | None = None
    uses: int | None = None
    confirm: Confirm = Confirm.NEVER
    group: str | None = None
    path: str | None = None
    runner: Runner | None = None

    def permits(self, operation: Operation) -> bool:
        """Whether it is for this at all."""
        named = operation in self.operations and operation in FOR_RESTRICTED
        return named or operation in ALWAYS_PERMITTED
