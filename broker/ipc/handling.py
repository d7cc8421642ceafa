"""What every route's handler is, and who asks it. Knows no routes."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from broker.services.access import Asker

ASKER = web.RequestKey("asker", Asker)
"""Who asks, in each request that gets to a handler."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
