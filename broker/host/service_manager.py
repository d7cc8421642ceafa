"""What systemd hands to a service and wants to hear of it. Knows no systemd library.

Sources: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).
"""

import contextlib
import logging
import os
import socket
from collections.abc import Mapping, MutableMapping

from broker.model.errors import ConfigError
from broker.model.time import Seconds

log = logging.getLogger(__name__)

LISTEN_FDS_START = 3
UNNAMED = "unknown"
"""What sd_listen_fds_with_names(3) calls a socket without a name."""

_MOST_SOCKETS = 64
_MICROSECONDS = 1_000_000


def inherited_sockets(
    environ: MutableMapping[str, str], pid: int, *, first: int = LISTEN_FDS_START
) -> list[tuple[str, socket.socket]]:
    """The listening sockets that were handed to process `pid`, with their names.

    The variables are removed: what was handed to us is not for our children.

    Args:
        environ: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are taken out of it.
        pid: our own; sockets for another process are left alone.
        first: the lowest descriptor.

    Raises:
        ConfigError: a descriptor is not a listening Unix stream socket. A TCP
            socket would open the broker to every user of the machine, and to every
            web page.
    """
    meant_for = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "")
    if meant_for != str(pid) or not count.isdecimal():
        return []
    number = min(int(count), _MOST_SOCKETS)
    named = names.split(":") if names else []
    if len(named) != number:
        named = [UNNAMED] * number
    with contextlib.ExitStack() as adopted:
        sockets = [
            (name, adopted.enter_context(_adopt(first + n)))
            for n, name in enumerate(named)
        ]
        adopted.pop_all()
        return sockets


def _adopt(descriptor: int) -> socket.socket:
    where = f"descriptor {descriptor} of LISTEN_FDS"
    try:
        os.set_inheritable(descriptor, False)
        adopted = socket.socket(fileno=descriptor)
        listens = adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as exc:
        what = f"is not a socket: {exc.strerror}"
        raise ConfigError(path=where, what=what) from exc
    if (adopted.family, adopted.type, bool(listens)) != (
        socket.AF_UNIX,
        socket.SOCK_STREAM,
        True,
    ):
        adopted.close()
        raise ConfigError(path=where, what="is not a listening Unix stream socket")
    adopted.setblocking(False)
    return adopted


def notify(environ: Mapping[str, str], message: str) -> bool:
    r"""Tell the service manager, where there is one; say whether it was told.

    Args:
        environ: NOTIFY_SOCKET names a path, or with '@' an abstract socket.
        message: lines such as 'READY=1\nSTATUS=serving'.
    """
    name = environ.get("NOTIFY_SOCKET", "")
    if not name.startswith(("/", "@")):
        return False
    address = "\0" + name[1:] if name.startswith("@") else name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            # A manager that does not read must not hold the daemon up.
            sending.setblocking(False)
            sending.sendto(message.encode(), address)
    except OSError as exc:
        log.warning("service_manager.notify.failed errno=%s", exc.errno)
        return False
    return True


def watchdog_interval(environ: Mapping[str, str]) -> Seconds | None:
    """How often to send 'WATCHDOG=1': half the time the service manager waits.

    None where no watchdog is set, or one for another process.
    """
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    with contextlib.suppress(ValueError):
        microseconds = int(environ.get("WATCHDOG_USEC", ""))
        if microseconds > 0:
            return Seconds(microseconds / _MICROSECONDS / 2)
    return None
