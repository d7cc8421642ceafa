"""The client that waits. `aio` holds the one that does not."""

from __future__ import annotations

from brokerd_client.paths import find_socket
from brokerd_client.tokens import DEFAULT_MIN_TTL, parse_token, token_request
from brokerd_client.transport import exchange
from brokerd_client.wire import MAX_REPLY_BYTES, decode_reply, request_bytes

TYPE_CHECKING = False  # see errors.py
if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Sequence

    from brokerd_client.id_tokens import IdToken
    from brokerd_client.tokens import Token

DEFAULT_TIMEOUT = 30.0
"""Seconds for one call: a refresh at a slow issuer is part of it."""


class BrokerClient:
    """Asks the local broker. Holds no connection and no lock.

    One client may be shared by threads, kept over a fork, copied and pickled.

    Args:
        address: the broker's socket; None for `BROKERD_SOCKET` or the default one,
            looked up at every call.
        timeout: seconds for a whole call.
    """

    def __init__(
        self,
        address: str | os.PathLike[str] | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.address = address
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"BrokerClient({find_socket(self.address)[0]!r})"

    def token(
        self,
        account: str | None = None,
        scopes: Sequence[str] | None = None,
        resource: str | None = None,
        min_ttl: float = DEFAULT_MIN_TTL,
        *,
        rejected: Token | str | None = None,
    ) -> Token:
        """An access token that lives at least `min_ttl` seconds more.

        Ask again for every use: the broker keeps the token and renews it early.

        Args:
            account: None where there is one account, or a default.
            scopes: a narrower token, such as ['drive.readonly']; None for all that
                the person granted.
            resource: the API the token is for (RFC 8707).
            min_ttl: seconds. A token that is born with less is given as it is.
            rejected: the token that an API just refused with 401, so that another
                one comes back. Only its SHA-256 is sent.

        Raises:
            LoginRequiredError: the person must sign in.
            ScopeNotGrantedError: the person did not grant these scopes.
            BrokerUnreachableError: no broker is running.
            BrokerError: anything else; see its `code`.
        """
        body = token_request(
            account=account,
            scopes=scopes,
            resource=resource,
            min_ttl=min_ttl,
            rejected=rejected,
        )
        return parse_token(self.call("POST", "/v1/token", body))

    def id_token(
        self,
        account: str | None = None,
        audience: str | None = None,
        min_ttl: float = DEFAULT_MIN_TTL,
    ) -> IdToken:
        """An ID token of the account (OpenID Connect): who the person is, signed.

        The broker has checked it. Send it to whom it is for and to nobody else; it
        opens no API.

        Args:
            account: None where there is one account, or a default.
            audience: for whom; None for the account's own client. Another one is to be
                had of Google's service accounts alone.
            min_ttl: seconds of life that are still needed.

        Raises:
            BrokerError: see its `code`, such as 'no_id_token'.
        """
        from brokerd_client import id_tokens  # noqa: PLC0415 - `token` needs it not

        body = id_tokens.id_token_request(account, audience, min_ttl)
        return id_tokens.parse_id_token(self.call("POST", "/v1/id-token", body))

    def dpop_proof(
        self, token: Token, method: str, url: str, *, nonce: str | None = None
    ) -> str:
        """The value of a `DPoP` header for one request with a bound token (RFC 9449).

        Ask for another one for every request. The token itself goes into
        `Authorization`, see `Token.header`.

        Args:
            token: of the type 'DPoP'. Only its SHA-256 is sent.
            method: of the request.
            url: of the request; query and fragment do not count.
            nonce: the last `DPoP-Nonce` of the API, or None.

        Raises:
            BrokerError: see its `code`.
        """
        from brokerd_client import dpop  # noqa: PLC0415 - `token` needs it not

        body = dpop.proof_request(token, method, url, nonce)
        return dpop.parse_proof(self.call("POST", "/v1/dpop-proof", body))

    def accounts(self) -> object:
        """What `GET /v1/accounts` answers: `{"accounts": […], "default": …}`.

        Raises:
            BrokerError: see its `code`.
        """
        return self.call("GET", "/v1/accounts")

    def status(self) -> object:
        """What `GET /v1/status` answers: `{"version", "pid", "store", …}`.

        Raises:
            BrokerError: see its `code`.
        """
        return self.call("GET", "/v1/status")

    def events(self) -> Generator[dict[str, object], None, None]:
        """What happens from now on, such as `{"event": "signed_in", "account": …}`.

        The first is `listening`; after it comes what stands now, such as the accounts
        that need a login. The last is `stopping`. Close the generator to listen
        no more. The client's timeout is for the first; the next may take for ever.

        Raises:
            BrokerUnreachableError: no broker is running, or it went without a word.
            BrokerError: anything else; see its `code`.
        """
        from brokerd_client.events import listen  # noqa: PLC0415 - `token` needs it not

        return listen(find_socket(self.address), self.timeout)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        timeout: float | None = None,
        largest: int = MAX_REPLY_BYTES,
    ) -> object:
        """One request of the protocol; its decoded answer, None where it is empty.

        Args:
            method: such as 'POST'.
            path: such as '/v1/logins', percent-encoded, with its query.
            body: anything that JSON knows; None for no body.
            timeout: seconds, where this call needs others than the client's.
            largest: bytes of an answer that are still taken: a backup is long.

        Raises:
            BrokerError: the broker's problem, or that there is no answer.
            ValueError: method or path are not what HTTP takes.
        """
        request = request_bytes(method, path, body)
        limit = self.timeout if timeout is None else timeout
        place = find_socket(self.address)
        return decode_reply(exchange(place, request, limit, largest=largest))
