"""Listening sockets on literal loopback addresses, and on nothing else."""

import errno
import ipaddress
import socket
import sys
from contextlib import ExitStack

from broker.model.errors import BadRequestError, PortInUseError

LOCALHOST = "localhost"
_BOTH_FAMILIES = ("127.0.0.1", "::1")

BACKLOG = 16
"""Connections that may wait to be taken. Taken together, they are far fewer than the
site holds, so that a browser's is read before a flood could drive it out."""
_TRIES_FOR_A_FREE_PORT = 16
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def loopback_sockets(host: str, bind: str | None, port: int) -> list[socket.socket]:
    """Listening, non-blocking sockets, all on the same port.

    'localhost' holds both families: while we held 127.0.0.1 alone, another user of
    the machine could take the same port of ::1 and be handed the response.

    Args:
        host: '127.0.0.1', another literal loopback address, or 'localhost'.
        bind: a literal loopback address instead of the host's own, or None.
        port: 0 for any that is free on every address needed.

    Raises:
        BadRequestError: an address that is not loopback, or a port that the system
            does not allow us.
        PortInUseError: taken on one of the addresses.
    """
    addresses = _addresses(host, bind)
    for _ in range(1 if port else _TRIES_FOR_A_FREE_PORT):
        sockets = _all_listening(addresses, host, port)
        if sockets is not None:
            return sockets
    raise PortInUseError(host=host, port=port)


def _addresses(host: str, bind: str | None) -> tuple[str, ...]:
    for address in (host, bind):
        if address not in {None, LOCALHOST}:
            _require_loopback(str(address))
    own: tuple[str, ...] = (bind or host,)
    if LOCALHOST in {host, bind}:
        own += _BOTH_FAMILIES
    # In their order, each once.
    return tuple(dict.fromkeys(a for a in own if a != LOCALHOST))


def _require_loopback(address: str) -> None:
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BadRequestError(what=f"{address!r} is not a literal loopback address")


def _all_listening(
    addresses: tuple[str, ...], host: str, port: int
) -> list[socket.socket] | None:
    """One for each address, or None where the port is taken on any of them."""
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for address in addresses:
            try:
                listening = _listening(address, port)
            except OSError as exc:
                if exc.errno in _NO_SUCH_ADDRESS and len(addresses) > 1:
                    continue  # a family that this machine lacks, nobody can take
                if exc.errno == errno.EADDRINUSE:
                    return None
                what = f"cannot listen on {address} port {port}: {exc.strerror}"
                raise BadRequestError(what=what) from exc
            sockets.append(opened.enter_context(listening))
            port = listening.getsockname()[1]
        if not sockets:
            raise BadRequestError(what=f"this machine has no address for {host!r}")
        opened.pop_all()
        return sockets


def _listening(address: str, port: int) -> socket.socket:
    is_v6 = ":" in address
    listening = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
    try:
        if sys.platform == "win32":
            # Without it another program may bind the port over ours.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # For the remains of the login before; two can never listen by it.
            # SO_REUSEPORT, by which they could, stays off.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
