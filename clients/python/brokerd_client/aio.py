"""The client for asyncio. The same requests, checks and errors as `client`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from brokerd_client import trust
from brokerd_client.client import DEFAULT_TIMEOUT
from brokerd_client.dpop import parse_proof, proof_request
from brokerd_client.events import REQUEST, EventReader
from brokerd_client.id_tokens import id_token_request, parse_id_token
from brokerd_client.paths import find_socket
from brokerd_client.tokens import DEFAULT_MIN_TTL, parse_token, token_request
from brokerd_client.transport import (
    RECEIVE_BYTES,
    broker_error,
    dial,
    needs_peer_check,
    pause_after,
)
from brokerd_client.wire import (
    MAX_REPLY_BYTES,
    ReplyReader,
    decode_reply,
    request_bytes,
)

if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import AsyncGenerator, Sequence

    from brokerd_client.id_tokens import IdToken
    from brokerd_client.tokens import Token
    from brokerd_client.trust import PeerUid
    from brokerd_client.wire import Reply


class AsyncBrokerClient:
    """Asks the local broker without blocking the loop. See `BrokerClient`."""

    def __init__(
        self,
        address: str | os.PathLike[str] | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.address = address
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"AsyncBrokerClient({find_socket(self.address)[0]!r})"

    async def token(
        self,
        account: str | None = None,
        scopes: Sequence[str] | None = None,
        resource: str | None = None,
        min_ttl: float = DEFAULT_MIN_TTL,
        *,
        rejected: Token | str | None = None,
    ) -> Token:
        """An access token; arguments and errors as `BrokerClient.token`."""
        body = token_request(
            account=account,
            scopes=scopes,
            resource=resource,
            min_ttl=min_ttl,
            rejected=rejected,
        )
        return parse_token(await self.call("POST", "/v1/token", body))

    async def id_token(
        self,
        account: str | None = None,
        audience: str | None = None,
        min_ttl: float = DEFAULT_MIN_TTL,
    ) -> IdToken:
        """An ID token; arguments and errors as `BrokerClient.id_token`."""
        body = id_token_request(account, audience, min_ttl)
        return parse_id_token(await self.call("POST", "/v1/id-token", body))

    async def dpop_proof(
        self, token: Token, method: str, url: str, *, nonce: str | None = None
    ) -> str:
        """A proof for one request; see `BrokerClient.dpop_proof`."""
        body = proof_request(token, method, url, nonce)
        return parse_proof(await self.call("POST", "/v1/dpop-proof", body))

    async def accounts(self) -> object:
        """What `GET /v1/accounts` answers; errors as `BrokerClient.accounts`."""
        return await self.call("GET", "/v1/accounts")

    async def status(self) -> object:
        """What `GET /v1/status` answers; errors as `BrokerClient.status`."""
        return await self.call("GET", "/v1/status")

    async def events(self) -> AsyncGenerator[dict[str, object], None]:
        """What happens from now on; see `BrokerClient.events`."""
        place = find_socket(self.address)
        reader = EventReader(place)
        async with contextlib.aclosing(stream(place, REQUEST, self.timeout)) as parts:
            async for data in parts:
                for event in reader.feed(data):
                    yield event
                if reader.ended:
                    return

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the same face as BrokerClient
        largest: int = MAX_REPLY_BYTES,
    ) -> object:
        """One request of the protocol; arguments and errors as `BrokerClient.call`."""
        request = request_bytes(method, path, body)
        limit = self.timeout if timeout is None else timeout
        place = find_socket(self.address)
        return decode_reply(await exchange(place, request, limit, largest=largest))


async def exchange(
    place: tuple[str, bool],
    request: bytes,
    limit: float,
    *,
    largest: int = MAX_REPLY_BYTES,
    peer_uid: PeerUid = trust.read_peer_uid,
) -> Reply:
    """Send `request` and read the whole reply; see `transport.exchange`.

    Args:
        place: the socket's path, and whether someone named it (`find_socket`).
        request: see `request_bytes`.
        limit: seconds for all of it.
        largest: bytes of an answer that are still taken.
        peer_uid: how to learn the other end's uid.

    Raises:
        BrokerError: as `transport.exchange`.
    """
    try:
        async with asyncio.timeout(limit):
            connection = await _connect(place, peer_uid)
            try:
                return await _converse(connection, request, largest)
            finally:
                connection.close()
    except (OSError, EOFError) as exc:
        raise broker_error(exc, place, limit) from exc


async def stream(
    place: tuple[str, bool],
    request: bytes,
    limit: float,
    *,
    peer_uid: PeerUid = trust.read_peer_uid,
) -> AsyncGenerator[bytes, None]:
    """Send `request` and yield what comes, as it comes; see `transport.stream`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit):
            connection = await _connect(place, peer_uid)
            try:
                await _send(connection, request)
                data = await loop.sock_recv(connection, RECEIVE_BYTES)
            except BaseException:
                connection.close()
                raise
        with connection:
            while True:
                yield data
                data = await loop.sock_recv(connection, RECEIVE_BYTES)
    except (OSError, EOFError) as exc:
        raise broker_error(exc, place, limit) from exc


async def _connect(place: tuple[str, bool], peer_uid: PeerUid) -> socket.socket:
    """A connection to the broker, and surely to no stranger."""
    path, named = place
    check_peer = needs_peer_check(path, named=named)
    # Not loop.sock_connect: asyncio takes Linux's EAGAIN on a Unix socket for a
    # connection under way, and then sends into nothing (python/cpython#117208).
    attempt = 0
    while (connection := dial(path, attempt)) is None:
        await asyncio.sleep(pause_after(attempt))
        attempt += 1
    try:
        if check_peer:
            trust.check_peer(connection, path, named=named, peer_uid=peer_uid)
    except BaseException:
        connection.close()
        raise
    return connection


async def _send(connection: socket.socket, request: bytes) -> None:
    # An early answer may lie there all the same: see transport.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await asyncio.get_running_loop().sock_sendall(connection, request)


async def _converse(connection: socket.socket, request: bytes, largest: int) -> Reply:
    loop = asyncio.get_running_loop()
    reader = ReplyReader(largest)
    await _send(connection, request)
    while reader.reply is None:
        data = await loop.sock_recv(connection, RECEIVE_BYTES)
        if data:
            reader.feed(data)
        else:
            reader.end()
    return reader.reply
