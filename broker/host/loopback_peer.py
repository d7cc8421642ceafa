"""Whose program is at the other end of a TCP connection within this machine. Linux.

The kernel's table of sockets says it, to everybody. It is looked through as a whole, so
this is for few connections.

Source: proc(5) on /proc/net/tcp; net/ipv4/tcp_ipv4.c, get_tcp4_sock.
"""

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

Address = tuple[str, int]
"""An IPv4 address and a port, as a socket tells them."""

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

_ESTABLISHED = "01"
_MAPPED = "0000000000000000" + ("FFFF0000" if sys.byteorder == "little" else "0000FFFF")
"""What comes before an IPv4 address in the other table."""


def is_own(peer: Address, here: Address) -> bool:
    """Whether it is a program of this user, or of root, who could read our memory.

    True on systems that do not tell; False where Linux does not, or where the other end
    is being closed: the kernel calls that root's.

    Args:
        peer: the other end's.
        here: this end's.
    """
    if sys.platform != "linux":
        return True
    return owner(peer, here, _lines()) in {0, os.geteuid()}


def owner(peer: Address, here: Address, lines: Iterable[str]) -> int | None:
    """The uid of the socket at `peer` that is connected to `here`, or None.

    Args:
        peer: the other end's.
        here: this end's.
        lines: of the kernel's tables.
    """
    wanted = [
        (prefix + _written(peer), prefix + _written(here)) for prefix in ("", _MAPPED)
    ]
    for line in lines:
        words = line.split()
        if tuple(words[1:3]) in wanted and words[3] == _ESTABLISHED:
            return int(words[7])
    return None


def _written(address: Address) -> str:
    """Such as '0100007F:1F90': the address as a number of this machine's."""
    number = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"


def _lines() -> Iterator[str]:
    for table in TABLES:
        try:
            with table.open(encoding="ascii") as opened:
                yield from opened
        except OSError:  # without IPv6 there is but one
            continue
