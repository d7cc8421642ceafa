"""Answers in JSON. Knows no routes."""

import msgspec

from broker.ipc import web
from broker.ipc.wire import JSON


def json_reply(value: object, *, status: int = 200) -> web.Response:
    """A value as an answer."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type=JSON
    )
