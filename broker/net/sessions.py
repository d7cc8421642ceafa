"""Connections to issuers: which are kept, and for how long. Knows no requests."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
import msgspec

from broker.model.time import Instant, Seconds
from broker.net.proxies import Proxy
from broker.net.socks import socks_connector

KEPT_FOR = Seconds(15)
"""How long an idle connection is kept."""


class Progress(msgspec.Struct):
    """How far a request has come.

    Attributes:
        sent: whether a byte of it may have left for the issuer; what a proxy is asked
            before that does not count.
    """

    sent: bool = False


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """What all requests have in common.

    Attributes:
        timeout: of each.
        headers: of each.
    """

    timeout: aiohttp.ClientTimeout
    headers: dict[str, str]


class Sessions:
    """aiohttp's sessions for one way out: direct, or through one SOCKS proxy.

    Only what may be sent twice goes over a kept connection. An issuer closes an idle
    one when it likes, and a request that meets this on its way may have been read or
    not: nobody can tell. A GET is then sent again. A token request cannot be: it may
    have used up a refresh token that rotates. So each goes over a connection of its
    own, as the first request on it, where no close of an idle connection can cross
    it; one TLS handshake an hour is the price. A short idle time would make that
    rarer, not impossible: servers that restart close every idle connection.

    The age of a kept connection is taken on the boot clock, which runs on while the
    machine sleeps, as aiohttp's own timers do not: after a sleep nothing is kept.
    Names are looked up for each connection, so that none outlives the network that
    it was looked up in; the system has a cache of its own.

    Args:
        manner: of all requests.
        now: on both clocks.
        socks: the proxy of every connection, or None.
    """

    def __init__(
        self, manner: Manner, *, now: Callable[[], Instant], socks: Proxy | None = None
    ) -> None:
        self._manner = manner
        self._now = now
        self._socks = socks
        self._keeping: aiohttp.ClientSession | None = None
        self._busy = 0
        """Requests under way in the session that keeps connections."""
        self._used_at = Seconds(0)
        """When that one was last used, on the boot clock."""
        self._fresh: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def taken(self, *, repeatable: bool) -> AsyncIterator[aiohttp.ClientSession]:
        """A session for one request.

        Args:
            repeatable: whether the request may be sent twice.
        """
        if repeatable and await self._has_let_go_of_the_old():
            self._keeping = self._keeping or self._new(force_close=False)
            self._busy += 1
            try:
                yield self._keeping
            finally:
                self._busy -= 1
                self._used_at = self._now().boot
        else:
            self._fresh = self._fresh or self._new(force_close=True)
            yield self._fresh

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        for session in (self._keeping, self._fresh):
            if session is not None:
                await session.close()
        self._keeping = self._fresh = None

    async def _has_let_go_of_the_old(self) -> bool:
        """Whether no connection is kept that was idle for too long."""
        session = self._keeping
        if session is None or self._now().boot - self._used_at <= KEPT_FOR:
            return True
        if self._busy:
            return False  # closing would cut those off
        self._keeping = None
        await session.close()
        return True

    def _new(self, *, force_close: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector(force_close=force_close),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._manner.timeout,
            headers=self._manner.headers,
            # A megabyte of gzip can hold a gigabyte.
            auto_decompress=False,
            # It would read ~/.netrc, too; proxies are ours (`proxies.py`).
            trust_env=False,
            trace_configs=[_trace()],
        )

    def _connector(self, *, force_close: bool) -> aiohttp.TCPConnector:
        if self._socks is not None:
            return socks_connector(self._socks, force_close=force_close)
        return aiohttp.TCPConnector(force_close=force_close, use_dns_cache=False)


def _trace() -> aiohttp.TraceConfig:
    """Sets `sent` of the `Progress` that a request is made with."""
    trace = aiohttp.TraceConfig()

    async def note(
        _: aiohttp.ClientSession,
        context: SimpleNamespace,
        __: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        context.trace_request_ctx.sent = True

    # Called just before the head is written. A CONNECT to a proxy does not call it.
    trace.on_request_headers_sent.append(note)
    return trace
