"""A client middleware for aiohttp: `ClientSession(middlewares=[…])`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from brokerd_client.aio import AsyncBrokerClient
from brokerd_client.errors import extra_missing
from brokerd_client.origins import make_origin, parse_origins

try:
    from aiohttp import hdrs, payload
except ModuleNotFoundError as exc:
    raise extra_missing("aiohttp", "aiohttp") from exc

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

    from aiohttp import (
        ClientHandlerType,
        ClientMiddlewareType,
        ClientRequest,
        ClientResponse,
    )


def bearer_middleware(
    account: str | None = None,
    *,
    scopes: Sequence[str] | None = None,
    origins: Collection[str],
    address: str | os.PathLike[str] | None = None,
) -> ClientMiddlewareType:
    """A middleware that sends the account's token to the named origins only.

    aiohttp calls it for every hop of a redirect, so a hop to another origin goes
    without the token. After a 401 the broker is told that the token was refused,
    and the request is sent once more. Requests raise what
    `AsyncBrokerClient.token` raises.

    Args:
        account: None where there is one account, or a default.
        scopes: a narrower token; None for all that was granted.
        origins: such as ['https://www.googleapis.com'].
        address: the broker's socket; None for the usual one.

    Raises:
        ValueError: no origin, or one that a token may not be sent to.
    """
    allowed = parse_origins(origins)
    client = AsyncBrokerClient(address)

    async def authenticate(
        request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        url = request.url
        if make_origin(url.scheme, url.host, url.port) not in allowed:
            return await handler(request)
        token = await client.token(account, scopes)
        request.headers[hdrs.AUTHORIZATION] = token.header
        response = await handler(request)
        if response.status != HTTPStatus.UNAUTHORIZED or not _is_replayable(request):
            return response
        newer = await client.token(account, scopes, rejected=token)
        if newer.value == token.value:
            return response
        response.release()
        request.headers[hdrs.AUTHORIZATION] = newer.header
        return await handler(request)

    return authenticate


def _is_replayable(request: ClientRequest) -> bool:
    # A file or a generator is gone by now.
    return isinstance(request.body, payload.BytesPayload) or not request.body
