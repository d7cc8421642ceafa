"""The outbound door: the one way to an issuer. Knows no OAuth."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from broker.model.errors import IssuerInvalidError, IssuerMalformedError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Seconds
from broker.net.faults import turned_fault
from broker.net.proxies import is_loopback, proxy_for

log = logging.getLogger(__name__)

LARGEST_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024

CONNECT_DEADLINE = Seconds(10)
READ_DEADLINE = Seconds(20)
TOTAL_DEADLINE = Seconds(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long an issuer may take, in seconds.

    Attributes:
        connect: for the name, the connection and TLS.
        read: between two pieces of the answer.
        total: for all of it.
    """

    connect: Seconds = CONNECT_DEADLINE
    read: Seconds = READ_DEADLINE
    total: Seconds = TOTAL_DEADLINE


class Outbound:
    """Sends requests to issuers with one aiohttp session. Satisfies `HttpSender`.

    Args:
        version: of the broker, for the User-Agent.
        deadlines: None for the usual ones.
        largest_body: in bytes; a longer answer is an error.
        trust: None for the system's certificates, or those of SSL_CERT_FILE.
    """

    def __init__(
        self,
        *,
        version: str,
        deadlines: Deadlines | None = None,
        largest_body: int = LARGEST_BODY_BYTES,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._version = version
        self._deadlines = deadlines or Deadlines()
        self._largest_body = largest_body
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read the whole answer, whatever its status.

        Raises:
            IssuerUnreachableError: no connection, TLS refused, too slow, cut off.
            IssuerMalformedError: not HTTP, or a body over the cap.
            IssuerInvalidError: the URL is none that a secret may be sent to.
        """
        origin = origin_of(request.url)
        try:
            response = await self._exchange(request, origin)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            log.info("outbound.send.failed origin=%s kind=%s", origin, _kind(exc))
            # From None: aiohttp's exceptions carry the request with its headers.
            raise turned_fault(exc, origin, self._deadlines.total) from None
        log.debug("outbound.send.complete origin=%s status=%d", origin, response.status)
        return response

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, request: HttpRequest, origin: str) -> HttpResponse:
        proxy = proxy_for(request.url)
        async with self._opened().request(
            request.method,
            # Encoded: the URL leaves as it was built, not as yarl would spell it.
            URL(request.url, encoded=True),
            headers={**request.headers, "Accept-Encoding": "identity"},
            data=request.body or None,
            # A 307 would carry the form, refresh token and all, to another origin.
            allow_redirects=False,
            proxy=proxy.url if proxy else None,
            proxy_headers=proxy.headers if proxy else None,
        ) as answer:
            body = await self._capped_body(answer, origin)
            return HttpResponse(
                status=answer.status, headers=_plain_headers(answer), body=body
            )

    async def _capped_body(self, answer: aiohttp.ClientResponse, origin: str) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._largest_body:
                answer.close()  # do not read the rest, however long it is
                raise IssuerMalformedError(
                    issuer=origin, what=f"sent over {self._largest_body} bytes"
                )
        return bytes(body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self._trust or ssl.create_default_context(),
            # Each request on a new connection: a kept one that the issuer is just
            # closing leaves open whether a rotated refresh token was used up.
            force_close=True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=self._deadlines.total,
                connect=self._deadlines.connect,
                sock_connect=self._deadlines.connect,
                sock_read=self._deadlines.read,
            ),
            headers={"User-Agent": f"brokerd/{self._version}"},
            # A megabyte of gzip can hold a gigabyte.
            auto_decompress=False,
            # It would read ~/.netrc, too; proxies are ours (`proxies.py`).
            trust_env=False,
        )


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL that a request may go to.

    The last look before a secret leaves: https, or http to a loopback address.

    Raises:
        IssuerInvalidError: any other URL, or one with a user name in it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise IssuerInvalidError(issuer="", what="its URL cannot be read") from None
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
    if not host or parts.username is not None or parts.password is not None:
        raise IssuerInvalidError(issuer=origin, what="has no plain https URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise IssuerInvalidError(issuer=origin, what="is not https")
    return origin


def _plain_headers(answer: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Names in lower case, repeated ones joined (RFC 9110 section 5.3).

    Cookies are left out: nobody here wants them, and they cannot be joined.
    """
    names = {name.lower() for name in answer.headers} - {"set-cookie"}
    return {name: ", ".join(answer.headers.getall(name)) for name in sorted(names)}


def _kind(exc: Exception) -> str:
    return type(exc).__name__
