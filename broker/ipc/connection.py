"""One connection of a peer, which answers in problem documents even where it ends.

Knows no routes and no services.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.ipc import web
from broker.model.veiled import Veiled

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 30
"""An idle connection, a half request line and a half header end after this."""

UNREAD_SECONDS = 30
"""A peer that takes nothing of its answer is let go after this, as an idle one is: else
it could keep a descriptor, and whatever it has asked for, for ever."""

LINGER_SECONDS = 1
"""What a peer still sends after an early answer is read so long: while its bytes lie
unread, closing would reset the connection before it has seen the answer."""

# aiohttp's own logger quotes what peers sent, secrets too: what matters is logged here.
_silent = logging.getLogger(f"{__name__}.aiohttp")
_silent.setLevel(logging.CRITICAL + 1)


class Begun(Veiled, frozen=True, kw_only=True):
    """What was done on a connection before it came here.

    Attributes:
        read: what the peer has sent and nobody has answered.
        unsent: the rest of an answer.
        is_last: whether the connection ends with that.
    """

    veiled = frozenset({"read", "unsent"})

    read: bytes = b""
    unsent: bytes = b""
    is_last: bool = False


class PeerConnection(web.RequestHandler):
    """aiohttp's connection, which quotes nothing and waits for no half body at the end.

    Args:
        server: whose handler answers.
        refuse: the answer where no handler could give one, by its HTTP status: 400
            for what is no request at all.
        begun: what was done before.
        ended: is called once the connection is no more.
    """

    __slots__ = (
        *("_begun", "_ended", "_refuse", "_stream", "_waiting"),
        *("_left", "_look", "_wire"),
    )

    def __init__(
        self,
        server: web.Server,
        *,
        refuse: Callable[[int], web.Response],
        begun: Begun | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is off; the stub forgot
            logger=_silent,
            keepalive_timeout=KEEPALIVE_SECONDS,
            tcp_keepalive=False,
            lingering_time=LINGER_SECONDS,
            # A small body that inflates to a large one is nothing a peer needs.
            auto_decompress=False,
        )
        self._refuse = refuse
        self._stream: asyncio.Task[object] | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._begun = begun or Begun()
        self._ended = ended
        # The transport, also once aiohttp has closed it and forgets it.
        self._wire: asyncio.WriteTransport | None = None
        self._look: asyncio.TimerHandle | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin where whoever had the connection before has stopped."""
        super().connection_made(transport)
        begun, self._begun = self._begun, Begun()
        assert self.transport is not None  # noqa: S101 - made just now; for mypy
        self._wire = self.transport
        # Writing is paused while anything is unsent, and not only while it is much.
        self._wire.set_write_buffer_limits(high=0)
        if begun.unsent:
            self.transport.write(begun.unsent)
        if begun.is_last:
            self.force_close()
        elif begun.read:
            self.data_received(begun.read)
            # The loop begins to read after this, though there may be as many requests
            # by now as may wait: then it would read for ever.
            asyncio.get_running_loop().call_soon(self._stay_paused)

    def _stay_paused(self) -> None:
        if self._buffer_paused and self.transport is not None:
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        """Something is unsent: it is looked whether the peer takes it."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """All is sent."""
        super().resume_writing()
        self._look_no_more()

    def _look_later(self) -> None:
        if self._wire is not None:
            self._left = self._wire.get_write_buffer_size()
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(UNREAD_SECONDS, self._look_at_unsent)

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _look_at_unsent(self) -> None:
        # Whoever listens to what happens may do something else for a while: its queue
        # is bounded, and their number is.
        if self._wire is None or self._stream is not None:
            return
        if self._wire.get_write_buffer_size() < self._left:
            self._look_later()
            return
        log.info("peer.answer.unread bytes=%d", self._left)
        self._wire.abort()

    def begin_stream(self) -> None:
        """The task that calls this answers until the peer leaves, which cancels it.

        An answer that waits for what happens would never hear of it otherwise. No
        timer is left: the kernel tells when the other end is gone.
        """
        self._stream = asyncio.current_task()
        self.keep_alive(False)

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """The peer's leaving cancels the task that is in here, and nothing after it.

        For what is of no use to anybody else; other work goes on when a peer leaves.
        """
        if self.transport is None:
            raise asyncio.CancelledError
        self._waiting = asyncio.current_task()
        try:
            yield
        finally:
            self._waiting = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """The peer has left."""
        super().connection_lost(exc)
        self._ended()
        self._look_no_more()
        self._wire = None
        for task in (self._stream, self._waiting):
            if task is not None:
                task.cancel()

    def close(self) -> None:
        """End after the request under way, if it has arrived."""
        super().close()
        if self._stream is not None and self.writing_paused and self.transport:
            # It does not read, so it would never hear the end of its stream.
            self.transport.abort()
        request = self._current_request
        # From here on aiohttp reads nothing more: a half body never becomes whole.
        if request is not None and not request.content.is_eof():
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """An answer of ours; aiohttp's would quote what it could not read."""
        log.info("peer.request.malformed status=%d kind=%s", status, _kind(exc))
        response = self._refuse(status)
        response.force_close()
        return response

    def log_exception(self, *_: object, **facts: object) -> None:
        """Name the kind only: messages and tracebacks may quote the request."""
        log.error("peer.connection.failed kind=%s", _kind(facts.get("exc_info")))


def _kind(exc: object) -> str:
    return type(exc).__name__
