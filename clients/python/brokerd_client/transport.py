"""One request and its answer on a connection of their own. Keeps nothing.

A connection for each call costs some 20 µs on a Unix socket, and makes the client
safe to fork, to pickle and to share between threads without a lock.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from brokerd_client import trust
from brokerd_client.errors import not_running, unreachable
from brokerd_client.wire import MAX_REPLY_BYTES, ReplyReader

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brokerd_client.errors import BrokerError
    from brokerd_client.trust import PeerUid
    from brokerd_client.wire import Reply

PAUSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Seconds between attempts to connect. A broker that is not listening yet gets as
many attempts; one whose queue is full is tried until the deadline."""

RECEIVE_BYTES = 64 * 1024

# The broker's queue is full (Linux says EAGAIN where a TCP socket would wait), or
# it has made its socket but does not listen on it yet.
_QUEUE_FULL = (errno.EAGAIN, errno.ENOBUFS)
_NOT_YET = (errno.ECONNREFUSED, errno.ENOTCONN)

START_HINT = "ask again; 'brokerctl status' shows whether it is well"


def exchange(
    place: tuple[str, bool],
    request: bytes,
    timeout: float,
    *,
    largest: int = MAX_REPLY_BYTES,
    peer_uid: PeerUid = trust.read_peer_uid,
    sleep: Callable[[float], None] = time.sleep,
) -> Reply:
    """Send `request` to the broker and read the whole reply.

    Only connecting is tried more than once: once something is sent, a second
    attempt could do a thing twice.

    Args:
        place: the socket's path, and whether someone named it (`find_socket`).
        request: see `request_bytes`.
        timeout: seconds for all of it.
        largest: bytes of an answer that are still taken.
        peer_uid: how to learn the other end's uid.
        sleep: how to wait between attempts.

    Raises:
        BrokerUnreachableError: nobody listens, or no whole answer came in time.
        SocketNotTrustedError: a stranger may listen; nothing was sent.
        ReplyMalformedError: the answer is not HTTP, or too long.
    """
    deadline = time.monotonic() + timeout
    try:
        with _connect(place, deadline, peer_uid, sleep) as connection:
            return _converse(connection, request, deadline, largest)
    except (OSError, EOFError) as exc:
        raise broker_error(exc, place, timeout) from exc


def stream(
    place: tuple[str, bool],
    request: bytes,
    timeout: float,
    *,
    peer_uid: PeerUid = trust.read_peer_uid,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """Send `request` to the broker and yield what comes, as it comes; b"" at the end.

    Args:
        place: the socket's path, and whether someone named it (`find_socket`).
        request: see `request_bytes`.
        timeout: seconds until the first of it; then it may take as long as it likes.
        peer_uid: how to learn the other end's uid.
        sleep: how to wait between attempts.

    Raises:
        BrokerError: as `exchange`.
    """
    deadline = time.monotonic() + timeout
    try:
        with _connect(place, deadline, peer_uid, sleep) as connection:
            _send(connection, request, deadline)
            connection.settimeout(_left(deadline))
            while True:
                data = connection.recv(RECEIVE_BYTES)
                connection.settimeout(None)
                yield data
    except (OSError, EOFError) as exc:
        raise broker_error(exc, place, timeout) from exc


def needs_peer_check(path: str, *, named: bool) -> bool:
    """Look at the place before connecting: must the other end prove its uid?

    Raises:
        SocketNotTrustedError: the default place is not ours alone.
        OSError: the socket is not there.
    """
    if named:
        return not trust.is_out_of_reach(path)
    trust.check_default(path)
    return True


def dial(path: str, attempt: int) -> socket.socket | None:
    """One attempt to connect, without waiting; None where another one may succeed.

    Args:
        path: of the socket.
        attempt: how many there were before.

    Raises:
        OSError: there is no use in trying again.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.connect(path)
    except OSError as exc:
        connection.close()
        hopeful = exc.errno in _NOT_YET and attempt < len(PAUSES)
        if not hopeful and exc.errno not in _QUEUE_FULL:
            raise
        return None
    return connection


def pause_after(attempt: int) -> float:
    """Seconds to wait after attempt number `attempt`, counted from 0."""
    return PAUSES[min(attempt, len(PAUSES) - 1)]


def broker_error(
    exc: OSError | EOFError, place: tuple[str, bool], timeout: float
) -> BrokerError:
    """What an error of the operating system means for whoever asked the broker."""
    path, named = place
    if isinstance(exc, TimeoutError):
        what = f"gave no answer within {timeout:g} seconds"
        return unreachable(path, what, START_HINT, "timed_out")
    if isinstance(exc, EOFError | ConnectionResetError | BrokenPipeError):
        what = "hung up before its answer was complete"
        return unreachable(path, what, START_HINT, "hung_up")
    if isinstance(exc, FileNotFoundError | ConnectionRefusedError):
        return not_running(path, named=named)
    what = f"cannot be reached: {os.strerror(exc.errno) if exc.errno else exc}"
    hint = "check BROKERD_SOCKET and the rights on that path"
    return unreachable(path, what, hint, "no_access")


def _connect(
    place: tuple[str, bool],
    deadline: float,
    peer_uid: PeerUid,
    sleep: Callable[[float], None],
) -> socket.socket:
    """A connection to the broker, and surely to no stranger."""
    path, named = place
    check_peer = needs_peer_check(path, named=named)
    attempt = 0
    while (connection := dial(path, attempt)) is None:
        sleep(min(pause_after(attempt), _left(deadline)))
        attempt += 1
    try:
        if check_peer:
            trust.check_peer(connection, path, named=named, peer_uid=peer_uid)
    except BaseException:
        connection.close()
        raise
    return connection


def _send(connection: socket.socket, request: bytes, deadline: float) -> None:
    try:
        connection.settimeout(_left(deadline))
        connection.sendall(request)
    except (BrokenPipeError, ConnectionResetError):
        # A broker that refuses a long request answers, and hangs up, before it
        # has read it all: the answer is still to be had.
        pass


def _converse(
    connection: socket.socket, request: bytes, deadline: float, largest: int
) -> Reply:
    reader = ReplyReader(largest)
    _send(connection, request, deadline)
    while reader.reply is None:
        connection.settimeout(_left(deadline))
        data = connection.recv(RECEIVE_BYTES)
        if data:
            reader.feed(data)
        else:
            reader.end()
    return reader.reply


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
