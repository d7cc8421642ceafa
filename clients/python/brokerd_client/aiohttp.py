"""A client middleware for aiohttp: `ClientSession(middlewares=[…])`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from brokerd_client.aio import AsyncBrokerClient
from brokerd_client.dpop import Nonces, is_bound, wants_nonce
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

    from brokerd_client.tokens import Token


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
    and the request is sent once more. A token that is bound to a key (DPoP) goes
    with a proof for each request. Requests raise what `AsyncBrokerClient.token`
    raises.

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
    nonces = Nonces()

    async def send(
        request: ClientRequest, handler: ClientHandlerType, token: Token
    ) -> ClientResponse:
        request.headers[hdrs.AUTHORIZATION] = token.header
        url = str(request.url)
        if is_bound(token):
            request.headers["DPoP"] = await client.dpop_proof(
                token, request.method, url, nonce=nonces.find(url)
            )
        response = await handler(request)
        nonces.heard(url, response.headers)
        return response

    async def authenticate(
        request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        url = request.url
        if make_origin(url.scheme, url.host, url.port) not in allowed:
            return await handler(request)
        token = await client.token(account, scopes)
        response = await send(request, handler, token)
        if is_bound(token) and _is_refusal(request, response) and _wants(response):
            response.release()
            response = await send(request, handler, token)
            if _wants(response):
                return response
        if not _is_refusal(request, response):
            return response
        newer = await client.token(account, scopes, rejected=token)
        if newer.value == token.value:
            return response
        response.release()
        return await send(request, handler, newer)

    return authenticate


def _wants(response: ClientResponse) -> bool:
    # Of several headers `get` would see the first alone.
    challenges = response.headers.getall(hdrs.WWW_AUTHENTICATE, [])
    return wants_nonce({"WWW-Authenticate": ", ".join(challenges)})


def _is_refusal(request: ClientRequest, response: ClientResponse) -> bool:
    """Whether the token was refused, and the request can be sent again."""
    refused = response.status == HTTPStatus.UNAUTHORIZED
    return refused and _is_replayable(request)


def _is_replayable(request: ClientRequest) -> bool:
    # A file or a generator is gone by now.
    return isinstance(request.body, payload.BytesPayload) or not request.body
