"""Events as an answer that goes on: a line of JSON each, until one of both ends leaves.

Knows no service: what to tell first and where the rest comes from are arguments.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from broker.ipc import web
from broker.ipc.connection import PeerConnection
from broker.model.event import Event, EventKind
from broker.services.events import Subscription

JSON_LINES = "application/x-ndjson"
"""The name that most tools know. RFC 7464's application/json-seq is registered, but
begins each line with a control character, which a shell's `read` would keep."""


async def stream_events(
    request: web.Request, first: Iterable[Event], subscription: Subscription
) -> web.StreamResponse:
    """Tell `first`, then all of `subscription`, until `STOPPING`.

    A peer that does not read makes this wait, and its subscription drop the oldest:
    what it costs is bounded by that queue and the kernel's.
    """
    connection = request.protocol
    if not isinstance(connection, PeerConnection) or connection.transport is None:
        raise asyncio.CancelledError  # it hung up; there is nobody to answer
    connection.begin_stream()
    response = web.StreamResponse(headers={"Content-Type": JSON_LINES})
    await response.prepare(request)
    await response.write(b"".join(event_line(event) for event in first))
    kind = None
    while kind is not EventKind.STOPPING:
        event = await subscription.get()
        await response.write(event_line(event))
        kind = event.kind
    return response


def event_line(event: Event) -> bytes:
    """`{"event": "saved", "at": 1767225600}` and a line end, without what is None."""
    members = {
        "event": event.kind.value,
        "at": event.at,
        "account": event.account,
        "issuer": event.issuer,
        "reason": event.reason,
        "until": event.until,
        "socket": event.socket,
        "question": event.question,
    }
    told = {name: value for name, value in members.items() if value is not None}
    return msgspec.json.encode(told) + b"\n"
