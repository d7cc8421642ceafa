"""Authentication for Requests: `session.get(url, auth=BrokerAuth(…))`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from brokerd_client.client import BrokerClient
from brokerd_client.dpop import Nonces, is_bound, wants_nonce
from brokerd_client.errors import extra_missing
from brokerd_client.origins import origin_of, parse_origins

try:
    from requests.auth import AuthBase
except ModuleNotFoundError as exc:
    raise extra_missing("requests", "Requests") from exc

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

    from requests import PreparedRequest, Response

    from brokerd_client.tokens import Token

_UNAUTHORIZED = 401


class BrokerAuth(AuthBase):
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
        self._nonces = Nonces()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token on a request of a named origin.

        Raises:
            BrokerError: there is no token; see its `code`.
        """
        if origin_of(request.url or "") not in self._origins:
            return request
        token = self._client.token(self._account, self._scopes)
        self._put(request, token)
        request.register_hook(  # type: ignore[no-untyped-call]  # Requests has none
            "response", partial(self._answer_refusal, token, request.url)
        )
        return request

    def _put(self, request: PreparedRequest, token: Token) -> None:
        request.headers["Authorization"] = token.header
        if is_bound(token):
            method, url = request.method or "", request.url or ""
            request.headers["DPoP"] = self._client.dpop_proof(
                token, method, url, nonce=self._nonces.find(url)
            )

    def _answer_refusal(
        self, token: Token, proven: str | None, response: Response, **options: Any
    ) -> Response:
        """Requests' hook for every response, those before a redirect too.

        Args:
            token: that the request was given.
            proven: the URL that its proof was made for.
            response: with the request that it answers.
            options: of Requests.
        """
        request = response.request
        if origin_of(request.url or "") not in self._origins:
            return response
        self._nonces.heard(request.url or "", response.headers)
        # After a redirect by way of another origin it is gone.
        is_ours = request.headers.get("Authorization") == token.header
        if not is_ours or not _is_refusal(response):
            return response
        # A redirect keeps the proof, which is for another URL then.
        is_stale = wants_nonce(response.headers) or request.url != proven
        if is_bound(token) and is_stale:
            response = self._send_again(response, token, options)
            if not _is_refusal(response) or wants_nonce(response.headers):
                return response
        newer = self._client.token(self._account, self._scopes, rejected=token)
        if newer.value == token.value:
            return response
        return self._send_again(response, newer, options)

    def _send_again(
        self, response: Response, token: Token, options: dict[str, Any]
    ) -> Response:
        # Read, so that the connection goes back to the pool.
        _ = response.content
        response.close()
        again = response.request.copy()
        self._put(again, token)
        # Straight to the adapter, which calls no hooks: one more try, not many.
        answer: Response = response.connection.send(again, **options)
        self._nonces.heard(again.url or "", answer.headers)
        answer.history.append(response)
        answer.request = again
        return answer


def _is_refusal(response: Response) -> bool:
    """Whether the token was refused, and the request can be sent again.

    A body that is read from a file or a generator is gone by now.
    """
    is_replayable = isinstance(response.request.body, bytes | str | None)
    return response.status_code == _UNAUTHORIZED and is_replayable
