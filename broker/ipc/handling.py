"""What every route's handler is, and who asks it. Knows no routes."""

from broker.ipc import web
from broker.model.policy import Operation
from broker.services.gate import Asker

ASKER = web.RequestKey("asker", Asker)
"""Who asks, in each request that gets to a handler."""

Handler = web.Handler

Ruled = tuple[Operation, web.RouteDef]
"""A route, and what a peer must be permitted to get to it."""
