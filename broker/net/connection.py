"""One connection of the loopback site, which repeats nothing that it was sent."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from aiohttp import web

from broker.model.time import Seconds

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 48
LONGEST_LINE_BYTES = 8 * 1024
"""Of a request line or a header; the longest codes in use have 2 KiB."""

_MOST_HEADERS = 64

# aiohttp's own logger would write the first bytes of an over-long request line, and
# with them an authorization code; what matters is logged here.
_silent = logging.getLogger(f"{__name__}.aiohttp")
_silent.setLevel(logging.CRITICAL + 1)


class Connection(web.RequestHandler):
    """aiohttp's connection under limits, with an error page that never reflects.

    Args:
        server: whose handler answers.
        refuse: the answer to what is no request at all, given its status.
        idle: seconds until a request must be whole; aiohttp's own is an hour.
    """

    __slots__ = ("_refuse",)

    def __init__(
        self,
        server: web.Server,
        *,
        refuse: Callable[[int], web.Response],
        idle: Seconds,
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is off; the stub forgot
            logger=_silent,
            keepalive_timeout=idle,
            tcp_keepalive=False,
            # What is left of a body is not waited for.
            lingering_time=0,
            max_line_size=LONGEST_LINE_BYTES,
            max_field_size=LONGEST_LINE_BYTES,
            max_headers=_MOST_HEADERS,
            auto_decompress=False,
        )
        self._refuse = refuse

    @property
    def is_silent(self) -> bool:
        """Whether no whole request has come yet; one without a body is its head."""
        return self._request_count == 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, where there is room or room can be made."""
        if not self._has_room():
            log.warning("loopback.connection.refused most=%d", MOST_CONNECTIONS)
            # A cast: uvloop's transports are none of asyncio's classes.
            cast("asyncio.Transport", transport).abort()
            return
        super().connection_made(transport)

    def _has_room(self) -> bool:
        """Whether one more fits, if need be in place of the oldest silent one."""
        manager = self._manager
        connections = [] if manager is None else manager.connections
        # Those without a transport are closed, and leave in a moment.
        living = [one for one in connections if one.transport is not None]
        if len(living) < MOST_CONNECTIONS:
            return True
        # Any user of the machine can open connections and say nothing; the browser's
        # request comes in its first packet. So the new one is taken, not refused.
        for one in living:
            if isinstance(one, Connection) and one.is_silent:
                log.info("loopback.connection.dropped most=%d", MOST_CONNECTIONS)
                one.force_close()
                return True
        return False

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """A page of ours; aiohttp's would quote what it could not read."""
        log.info("loopback.request.broken status=%d kind=%s", status, _kind(exc))
        return self._refuse(status)

    def log_exception(self, *_: object, **facts: object) -> None:
        """Name the kind only: messages and tracebacks may quote the request."""
        log.error("loopback.connection.failed kind=%s", _kind(facts.get("exc_info")))


def _kind(exc: object) -> str:
    return type(exc).__name__
