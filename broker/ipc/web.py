"""aiohttp's server without its application: connections, requests and answers.

`aiohttp.web` itself brings routes by regular expression, files, web sockets and a
command line, which is a megabyte of every daemon's memory. Here are the parts that we
use, by the same names; `ipc/router.py` finds the handler.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web_request
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import RequestKey
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_exceptions import (
    HTTPException,
    HTTPMethodNotAllowed,
    HTTPNotFound,
)
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_server import Server

__all__ = [
    "BaseRequest",
    "HTTPException",
    "HTTPMethodNotAllowed",
    "HTTPNotFound",
    "Handler",
    "Request",
    "RequestHandler",
    "RequestKey",
    "RequestPayloadError",
    "Response",
    "RouteDef",
    "Server",
    "StreamResponse",
    "delete",
    "get",
    "post",
    "put",
    "server",
]


class Request(web_request.Request):
    """One request, which a router has looked at."""

    @property
    def match_info(self) -> dict[str, str]:  # type: ignore[override]
        """What stood in its path where the route has `{name}`."""
        return self[NAMES]


NAMES = RequestKey("names", dict[str, str])

Handler = Callable[[Request], Awaitable[StreamResponse]]


class RouteDef(msgspec.Struct, frozen=True, kw_only=True):
    """What answers at a path.

    Attributes:
        method: in capitals.
        path: such as '/v1/accounts/{name}': a part in braces is any but an empty one.
        allow_head: whether HEAD is answered, too.
    """

    method: str
    path: str
    handler: Handler
    allow_head: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """All that it answers."""
        return (self.method, "HEAD") if self.allow_head else (self.method,)


def get(path: str, handler: Handler, *, allow_head: bool = True) -> RouteDef:
    """GET and, but where it is not to be, HEAD."""
    return RouteDef(method="GET", path=path, handler=handler, allow_head=allow_head)


def post(path: str, handler: Handler) -> RouteDef:
    """POST."""
    return RouteDef(method="POST", path=path, handler=handler)


def put(path: str, handler: Handler) -> RouteDef:
    """PUT."""
    return RouteDef(method="PUT", path=path, handler=handler)


def delete(path: str, handler: Handler) -> RouteDef:
    """DELETE."""
    return RouteDef(method="DELETE", path=path, handler=handler)


def server(handler: Handler, *, largest_body: Callable[[str], int]) -> Server:
    """What connections are made for.

    Args:
        handler: of every request that is HTTP.
        largest_body: that may be sent to a path, in bytes.
    """
    loop = asyncio.get_running_loop()

    def request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> Request:
        return Request(
            message,
            payload,
            protocol,
            writer,
            task,
            loop,
            client_max_size=largest_body(message.url.path),
        )

    async def answer(request: BaseRequest) -> StreamResponse:
        assert isinstance(request, Request)  # noqa: S101 - made above; for mypy
        return await handler(request)

    return Server(answer, request_factory=request)
