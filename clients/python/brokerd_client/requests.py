"""Authentication for Requests: `session.get(url, auth=BrokerAuth(…))`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brokerd_client.client import BrokerClient
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

_UNAUTHORIZED = 401


class BrokerAuth(AuthBase):
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

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token on a request of a named origin.

        Raises:
            BrokerError: there is no token; see its `code`.
        """
        if origin_of(request.url or "") not in self._origins:
            return request
        token = self._client.token(self._account, self._scopes)
        request.headers["Authorization"] = token.header
        request.register_hook(  # type: ignore[no-untyped-call]  # Requests has none
            "response", self._answer_refusal
        )
        return request

    def _answer_refusal(self, response: Response, **options: Any) -> Response:
        """Requests' hook for every response, those before a redirect too."""
        request = response.request
        refused = _bearer(request.headers.get("Authorization"))
        here = origin_of(request.url or "") in self._origins
        if response.status_code != _UNAUTHORIZED or refused is None or not here:
            return response
        # A body that is read from a file or a generator is gone by now.
        if not isinstance(request.body, bytes | str | None):
            return response
        token = self._client.token(self._account, self._scopes, rejected=refused)
        if token.value == refused:
            return response
        return _send_again(response, token.header, options)


def _send_again(response: Response, header: str, options: dict[str, Any]) -> Response:
    # Read, so that the connection goes back to the pool.
    _ = response.content
    response.close()
    again = response.request.copy()
    again.headers["Authorization"] = header
    # Straight to the adapter, which calls no hooks: one more try, not many.
    answer: Response = response.connection.send(again, **options)
    answer.history.append(response)
    answer.request = again
    return answer


def _bearer(header: str | bytes | None) -> str | None:
    text = header.decode("latin-1") if isinstance(header, bytes) else header or ""
    scheme, _, token = text.partition(" ")
    return token if scheme == "Bearer" and token else None
