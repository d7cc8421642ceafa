"""Stands in front of the HTTP server and answers what programs ask all day.

That is `POST /v1/token` for a token at hand, where the whole request came in one read:
a third of the time that it takes through aiohttp. Any other connection goes on to
aiohttp, with the bytes that were read, and stays there. Nothing is decided here: the
token comes through `Access`, and the words are those of `wire`, as for every route.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import msgspec
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from broker.host import peer_of
from broker.ipc import wire
from broker.ipc.connection import KEEPALIVE_SECONDS, Begun
from broker.ipc.front_request import Asked, UnusualError, parse_asked
from broker.ipc.problems import headers_of, problem
from broker.model.errors import BrokerError
from broker.model.peer import Socket
from broker.services.access import Access
from broker.services.gate import Asker
from broker.services.served import TokenServed

log = logging.getLogger(__name__)

READ_BYTES = 4096
"""More than any request that is answered here. The system's memory is asked for so much
before each read: 64 KiB would be put together anew every time."""

PAUSE_SECONDS = 1
"""Where no further connection can be accepted: as long as asyncio's servers wait."""


class _Met:
    """A connection, until it ends or goes on."""

    __slots__ = ("asker", "connected", "has_left", "is_idle", "is_waiting")

    def __init__(self, connected: socket.socket) -> None:
        self.connected = connected
        self.asker: Asker | None = None
        self.is_waiting = False
        self.is_idle = False
        self.has_left = False


Behind = Callable[[Begun, Callable[[], None]], asyncio.Protocol]


class Front:
    """Meets the connections of one socket.

    They have no transport: most of them are accepted, read, answered and closed at
    once, and that is half the work of making one.

    Args:
        access: the way in.
        door: which socket this is.
        behind: makes the HTTP server's protocol for a connection that goes on; the
            protocol calls what it is given once that has ended.
        most: connections at once, those that have gone on among them; the next ones
            wait for one to end. None for any number.
    """

    def __init__(
        self, access: Access, door: Socket, behind: Behind, most: int | None = None
    ) -> None:
        self._access, self._door, self._behind = access, door, behind
        self._most = most
        self._there = 0
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._waiting: set[_Met] = set()
        self._going_on: set[asyncio.Task[object]] = set()
        self._next_look: asyncio.TimerHandle | None = None

    def listen(self, bound: socket.socket, backlog: int) -> None:
        """Meet those that connect to `bound` from now on."""
        bound.listen(backlog)
        bound.setblocking(False)
        self._listening = bound
        self._accept_on()

    async def close(self) -> None:
        """Listen no more, and end what is met: nobody there awaits an answer."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._loop.remove_reader(listening)
            listening.close()
        for met in list(self._waiting):
            self._end(met)
        await asyncio.gather(*self._going_on, return_exceptions=True)

    def _accept_on(self) -> None:
        if self._listening is not None and self._there != self._most:
            self._loop.add_reader(self._listening, self._accept, self._listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            connected, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as exc:  # too many open files
            log.warning("front.accept.failed errno=%s", exc.errno)
            self._loop.remove_reader(listening)
            self._loop.call_later(PAUSE_SECONDS, self._accept_on)
            return
        self._there += 1
        if self._there == self._most:
            self._loop.remove_reader(listening)
        self._read(_Met(connected))

    def _left(self, met: _Met) -> None:
        if met.has_left:
            return
        met.has_left = True
        self._there -= 1
        if self._there + 1 == self._most:
            self._accept_on()

    def _read(self, met: _Met) -> None:
        """Answer what it has sent; end, go on, or wait for more."""
        try:
            data = met.connected.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._wait(met)
            return
        except OSError:
            data = b""
        if not data:  # it has hung up
            self._end(met)
            return
        try:
            answer, is_last = self._answer(data, met)
        except UnusualError:
            self._go_on(met, Begun(read=data))
            return
        met.is_idle = False
        self._send(met, answer, is_last=is_last)

    def _send(self, met: _Met, answer: bytes, *, is_last: bool) -> None:
        try:
            sent = met.connected.send(answer, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:  # it has hung up
            self._end(met)
            return
        if sent < len(answer):  # it does not read: aiohttp knows what to do then
            self._go_on(met, Begun(unsent=answer[sent:], is_last=is_last))
        elif is_last:
            self._end(met)
        else:
            self._wait(met)

    def _answer(self, data: bytes, met: _Met) -> tuple[bytes, bool]:
        """The answer's bytes, and whether the connection ends with them.

        Raises:
            UnusualError: it is the HTTP server's to answer.
        """
        asked = parse_asked(data)
        try:
            if met.asker is None:
                met.asker = Asker(
                    socket=self._door,
                    peer=peer_of(met.connected),
                    connected=met.connected,
                )
            served = self._access.cached_token(met.asker, asked.wanted)
        except BrokerError as exc:
            return _problem_bytes(exc, is_last=asked.close), asked.close
        except Exception as exc:
            # A bug of ours is met again there, and told and logged as every other.
            raise UnusualError from exc
        if served is None:
            raise UnusualError  # it has to be waited for
        return _token_bytes(served, asked), asked.close

    def _wait(self, met: _Met) -> None:
        if met.is_waiting:
            return
        met.is_waiting = True
        self._waiting.add(met)
        self._loop.add_reader(met.connected, self._read, met)
        if self._next_look is None:
            self._look_later()

    def _wait_no_more(self, met: _Met) -> None:
        met.is_waiting = False
        self._waiting.discard(met)
        self._loop.remove_reader(met.connected)
        if not self._waiting and self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def _end(self, met: _Met) -> None:
        if met.is_waiting:
            self._wait_no_more(met)
        met.connected.close()
        self._left(met)

    def _go_on(self, met: _Met, begun: Begun) -> None:
        if met.is_waiting:
            self._wait_no_more(met)
        met.connected.setblocking(False)
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(
                lambda: self._behind(begun, partial(self._left, met)), met.connected
            ),
            name="connection goes on",
        )
        self._going_on.add(task)
        task.add_done_callback(partial(self._has_gone_on, met))

    def _has_gone_on(self, met: _Met, task: asyncio.Task[object]) -> None:
        self._going_on.discard(task)
        # Where there came to be no transport, nobody else says that it has ended.
        if task.cancelled() or task.exception() is not None:
            self._left(met)

    def _look_later(self) -> None:
        # One timer for all, and none while nobody is connected: one for each would
        # cost every request, and an idle daemon wakes up for nothing.
        self._next_look = self._loop.call_later(KEEPALIVE_SECONDS, self._end_the_idle)

    def _end_the_idle(self) -> None:
        """End those that have asked nothing since the last look."""
        self._next_look = None
        for met in list(self._waiting):
            if met.is_idle:
                self._end(met)
            met.is_idle = True
        if self._waiting:
            self._look_later()


def _token_bytes(served: TokenServed, asked: Asked) -> bytes:
    """The answer; all but its date is as it was for whoever asked before."""
    halves = served.written.get(asked.form)
    if halves is None:
        headers, content = wire.token_answer(served, asked.accept)
        halves = _answer_halves("200 OK", headers, content, is_last=asked.close)
        served.written[asked.form] = halves
    return _dated(halves)


def _problem_bytes(error: BrokerError, *, is_last: bool) -> bytes:
    document = problem(error)
    status = HTTPStatus(int(str(document["status"])))
    headers = {"Content-Type": wire.PROBLEM, **headers_of(error)}
    first, body = f"{status.value} {status.phrase}", msgspec.json.encode(document)
    return _dated(_answer_halves(first, headers, body, is_last=is_last))


def _dated(halves: tuple[bytes, bytes]) -> bytes:
    return halves[0] + rfc822_formatted_time().encode() + halves[1]


def _answer_halves(
    status: str, headers: dict[str, str], body: bytes, *, is_last: bool
) -> tuple[bytes, bytes]:
    """What goes before and after the date, with the headers that aiohttp gives."""
    lines = ""
    for name, value in headers.items():
        lines += f"{name}: {value}\r\n"
    last = "Connection: close\r\n" if is_last else ""
    before = f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\nDate: "
    after = f"\r\nServer: {SERVER_SOFTWARE}\r\n{last}\r\n"
    return before.encode(), after.encode() + body
