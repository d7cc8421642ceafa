"""Authentication for HTTPX: `httpx.Client(auth=BrokerAuth(…))`, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brokerd_client.aio import AsyncBrokerClient
from brokerd_client.client import BrokerClient
from brokerd_client.dpop import Nonces, is_bound, wants_nonce
from brokerd_client.errors import extra_missing
from brokerd_client.origins import make_origin, parse_origins

try:
    import httpx
except ModuleNotFoundError as exc:
    raise extra_missing("httpx", "HTTPX") from exc

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Collection, Generator, Sequence

    from brokerd_client.tokens import Token


class BrokerAuth(httpx.Auth):
    """Sends the account's token to the named origins, and nowhere else.

    A redirect to another origin goes without it. After a 401 the broker is told
    that the token was refused, and the request is sent once more. A token that is
    bound to a key (DPoP) goes with a proof for each request.

    Args:
        account: None where there is one account, or a default.
        scopes: a narrower token; None for all that was granted.
        origins: such as ['https://www.googleapis.com'].
        address: the broker's socket; None for the usual one.

    Raises:
        ValueError: no origin, or one that a token may not be sent to.
    """

    def __init__(
        self,
        account: str | None = None,
        *,
        scopes: Sequence[str] | None = None,
        origins: Collection[str],
        address: str | os.PathLike[str] | None = None,
    ) -> None:
        self._account = account
        self._scopes = scopes
        self._origins = parse_origins(origins)
        self._client = BrokerClient(address)
        self._async_client = AsyncBrokerClient(address)
        self._nonces = Nonces()

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """HTTPX's hook: yields the request, with a token, once or a few times.

        Raises:
            BrokerError: there is no token; see its `code`.
        """
        if not self._may_see(request):
            yield request
            return
        token = self._client.token(self._account, self._scopes)
        self._put(request, token)
        response = yield request
        if self._is_stale(token, request, response):
            request = response.request
            self._put(request, token)
            response = yield request
        if self._is_refusal(token, request, response):
            newer = self._client.token(self._account, self._scopes, rejected=token)
            if newer.value != token.value:
                self._put(request, newer)
                self._heard((yield request))

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As `sync_auth_flow`, for `httpx.AsyncClient`."""
        if not self._may_see(request):
            yield request
            return
        client = self._async_client
        token = await client.token(self._account, self._scopes)
        await self._put_async(request, token)
        response = yield request
        if self._is_stale(token, request, response):
            request = response.request
            await self._put_async(request, token)
            response = yield request
        if self._is_refusal(token, request, response):
            newer = await client.token(self._account, self._scopes, rejected=token)
            if newer.value != token.value:
                await self._put_async(request, newer)
                self._heard((yield request))

    def _put(self, request: httpx.Request, token: Token) -> None:
        request.headers["Authorization"] = token.header
        if is_bound(token):
            url = str(request.url)
            request.headers["DPoP"] = self._client.dpop_proof(
                token, request.method, url, nonce=self._nonces.find(url)
            )

    async def _put_async(self, request: httpx.Request, token: Token) -> None:
        request.headers["Authorization"] = token.header
        if is_bound(token):
            url = str(request.url)
            request.headers["DPoP"] = await self._async_client.dpop_proof(
                token, request.method, url, nonce=self._nonces.find(url)
            )

    def _heard(self, response: httpx.Response) -> None:
        if self._may_see(response.request):
            self._nonces.heard(str(response.request.url), response.headers)

    def _is_stale(
        self, token: Token, request: httpx.Request, response: httpx.Response
    ) -> bool:
        """Whether another proof may do: for the API's nonce, or for where a redirect
        has led, which keeps the proof for where it came from.
        """
        self._heard(response)
        if not is_bound(token) or not self._is_unauthorized(request, response):
            return False
        is_elsewhere = response.request.url != request.url
        return is_elsewhere or wants_nonce(response.headers)

    def _is_refusal(
        self, token: Token, request: httpx.Request, response: httpx.Response
    ) -> bool:
        """Whether it was the token that was refused."""
        self._heard(response)
        if is_bound(token) and wants_nonce(response.headers):
            return False
        return self._is_unauthorized(request, response)

    def _may_see(self, request: httpx.Request) -> bool:
        url = request.url
        return make_origin(url.scheme, url.host, url.port) in self._origins

    def _is_unauthorized(
        self, request: httpx.Request, response: httpx.Response
    ) -> bool:
        """Whether a named origin said no, and the body can be sent again.

        The response may be another server's, after redirects: those saw no token.
        """
        refused = response.status_code == httpx.codes.UNAUTHORIZED
        replayable = isinstance(request.stream, httpx.ByteStream)
        return refused and replayable and self._may_see(response.request)
