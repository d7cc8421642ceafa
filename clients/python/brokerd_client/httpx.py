"""Authentication for HTTPX: `httpx.Client(auth=BrokerAuth(…))`, sync and async."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brokerd_client.aio import AsyncBrokerClient
from brokerd_client.client import BrokerClient
from brokerd_client.errors import extra_missing
from brokerd_client.origins import make_origin, parse_origins

try:
    import httpx
except ModuleNotFoundError as exc:
    raise extra_missing("httpx", "HTTPX") from exc

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Collection, Generator, Sequence


class BrokerAuth(httpx.Auth):
    """Sends the account's token to the named origins, and nowhere else.

    A redirect to another origin goes without it. After a 401 the broker is told
    that the token was refused, and the request is sent once more.

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

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """HTTPX's hook: yields the request, with a token, once or twice.

        Raises:
            BrokerError: there is no token; see its `code`.
        """
        if not self._may_see(request):
            yield request
            return
        token = self._client.token(self._account, self._scopes)
        request.headers["Authorization"] = token.header
        response = yield request
        if self._is_refusal(request, response):
            newer = self._client.token(self._account, self._scopes, rejected=token)
            if newer.value != token.value:
                request.headers["Authorization"] = newer.header
                yield request

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As `sync_auth_flow`, for `httpx.AsyncClient`."""
        if not self._may_see(request):
            yield request
            return
        client = self._async_client
        token = await client.token(self._account, self._scopes)
        request.headers["Authorization"] = token.header
        response = yield request
        if self._is_refusal(request, response):
            newer = await client.token(self._account, self._scopes, rejected=token)
            if newer.value != token.value:
                request.headers["Authorization"] = newer.header
                yield request

    def _may_see(self, request: httpx.Request) -> bool:
        url = request.url
        return make_origin(url.scheme, url.host, url.port) in self._origins

    def _is_refusal(self, request: httpx.Request, response: httpx.Response) -> bool:
        """Whether a named origin refused the token, and the body can be sent again.

        The response may be another server's, after redirects: those saw no token.
        """
        refused = response.status_code == httpx.codes.UNAUTHORIZED
        replayable = isinstance(request.stream, httpx.ByteStream)
        return refused and replayable and self._may_see(response.request)
