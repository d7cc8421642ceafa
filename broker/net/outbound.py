"""The outbound door: the one way to an issuer. Knows no OAuth."""

import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from broker.config import NetworkConfig
from broker.host import (
    CLIENT_CERTIFICATE,
    Shown,
    SystemClock,
    Trust,
    expiry_fault,
)
from broker.model.client import ClientCertificate
from broker.model.errors import (
    ConfigError,
    CredentialFileError,
    IssuerInvalidError,
    IssuerMalformedError,
    IssuerUnreachableError,
)
from broker.model.http import HttpRequest, HttpResponse
from broker.model.time import Instant, Seconds
from broker.net.faults import refused_certificate, turned_fault
from broker.net.proxies import Proxy, chosen_proxies, is_link_local, is_loopback
from broker.net.sessions import Manner, Progress, Sessions
from broker.net.socks import socks_faults
from broker.oauth.echo import without_echo
from broker.oauth.http_date import answer_date

log = logging.getLogger(__name__)

LARGEST_BODY_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024

CONNECT_DEADLINE = Seconds(10)
READ_DEADLINE = Seconds(20)
TOTAL_DEADLINE = Seconds(25)
"""Programs wait 30 for the daemon, and are to hear what is wrong with the issuer."""


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
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
    """Sends requests to issuers. Satisfies `HttpSender`.

    Which connections are kept, and why a token request never goes over one of them,
    says `Sessions`.

    Args:
        version: of the broker, for the User-Agent.
        network: of the person's file.
        environ: proxies and SSL_CERT_FILE, as they were when the daemon started.
        now: on both clocks; None for this machine's.
        deadlines: None for the usual ones.
        largest_body: in bytes; a longer answer is an error.

    Raises:
        ConfigError: `network` names a proxy or a file that cannot be used. What
            `environ` names is looked at when it is needed.
    """

    def __init__(
        self,
        *,
        version: str,
        network: NetworkConfig | None = None,
        environ: Mapping[str, str] | None = None,
        now: Callable[[], Instant] | None = None,
        deadlines: Deadlines | None = None,
        largest_body: int = LARGEST_BODY_BYTES,
    ) -> None:
        network = network or NetworkConfig()
        environ = dict(environ or {})
        self._now = now or SystemClock().now
        self._deadlines = deadlines or Deadlines()
        self._largest_body = largest_body
        self._proxies = chosen_proxies(network, environ)
        self._trust = Trust(ca_file=network.ca_file, environ=environ)
        self._manner = Manner(
            timeout=_timeout(self._deadlines),
            headers={"User-Agent": f"brokerd/{version}"},
        )
        self._ways: dict[bool, Sessions] = {}
        """By whether they lead through the SOCKS proxy; there is one at most."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and read the whole answer, whatever its status.

        Raises:
            IssuerUnreachableError: no connection, TLS refused, too slow, cut off; or
                the environment names a proxy or certificates that cannot be used.
            IssuerMalformedError: not HTTP, or a body over the cap.
            CredentialFileError: the certificate that is to be shown cannot be used.
            ClientRejectedError: it was shown, and TLS was refused for that.
            IssuerInvalidError: the URL is none that a secret may be sent to.
        """
        origin = origin_of(request.url, to_metadata=request.to_metadata)
        progress = Progress()
        try:
            response = await self._exchange(request, origin, progress)
        except ConfigError as exc:
            what = f"{exc.path}: {exc.what}"
            if exc.path == CLIENT_CERTIFICATE:
                # Not the issuer's fault: others have accounts there, too.
                raise CredentialFileError(what=what, stays=True) from exc
            raise IssuerUnreachableError(issuer=origin, what=what, sent=False) from exc
        except _foreign() as exc:
            log.info("outbound.send.failed origin=%s kind=%s", origin, _kind(exc))
            shown = request.certificate
            if shown is not None:
                self._refuse_certificate(exc, origin, shown)
            total = self._deadlines.total
            # From None: aiohttp's exceptions carry the request with its headers.
            raise turned_fault(exc, origin, total, sent=progress.sent) from None
        log.debug("outbound.send.complete origin=%s status=%d", origin, response.status)
        return without_echo(request, response)

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        for sessions in self._ways.values():
            await sessions.close()

    async def _exchange(
        self, request: HttpRequest, origin: str, progress: Progress
    ) -> HttpResponse:
        proxy = self._proxy_for(request)
        through = proxy if proxy and not proxy.is_socks else None
        is_tls = origin.startswith("https:")
        trust = await self._trust.context(_shown(request)) if is_tls else True
        async with (
            self._sessions(proxy).taken(repeatable=request.method == "GET") as session,
            session.request(
                request.method,
                # Encoded: the URL leaves as it was built, not as yarl would spell it.
                URL(request.url, encoded=True),
                headers={**request.headers, "Accept-Encoding": "identity"},
                data=request.body or None,
                # A 307 would carry the form, refresh token and all, to another origin.
                allow_redirects=False,
                ssl=trust,
                proxy=through.url if through else None,
                proxy_headers=through.headers if through else None,
                trace_request_ctx=progress,
            ) as answer,
        ):
            body = await self._capped_body(answer, origin)
            headers = _plain_headers(answer)
            return HttpResponse(
                status=answer.status,
                headers=headers,
                body=body,
                date=answer_date(headers),
            )

    def _refuse_certificate(
        self, exc: Exception, origin: str, shown: ClientCertificate
    ) -> None:
        """Nothing, where the certificate is not what the connection failed for.

        Raises:
            CredentialFileError, ClientRejectedError: it is.
        """
        fault = expiry_fault(shown.certificate, self._now().wall)
        if fault is not None:
            what = f"{CLIENT_CERTIFICATE}: {fault}"
            raise CredentialFileError(what=what, stays=True) from None
        refused = refused_certificate(exc, origin)
        if refused is not None:
            raise refused from None

    def _proxy_for(self, request: HttpRequest) -> Proxy | None:
        # A proxy's link-local addresses are of another machine, as its loopback is.
        if request.to_metadata and is_link_local_http(request.url):
            return None
        return self._proxies.proxy_for(request.url)

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

    def _sessions(self, proxy: Proxy | None) -> Sessions:
        socks = proxy if proxy and proxy.is_socks else None
        key = socks is not None
        if key not in self._ways:
            self._ways[key] = Sessions(self._manner, now=self._now, socks=socks)
        return self._ways[key]


def _shown(request: HttpRequest) -> Shown | None:
    found = request.certificate
    return None if found is None else (found.certificate, found.key)


def _foreign() -> tuple[type[Exception], ...]:
    """What aiohttp, the system, its look-up of names and a SOCKS proxy raise."""
    ours = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
    return (*ours, *socks_faults())


def _timeout(deadlines: Deadlines) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=deadlines.total,
        connect=deadlines.connect,
        sock_connect=deadlines.connect,
        sock_read=deadlines.read,
    )


def origin_of(url: str, *, to_metadata: bool = False) -> str:
    """Scheme, host and port of a URL that a request may go to.

    The last look before a secret leaves: https, or http to a loopback address; or to a
    link-local one, where that is said.

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
    is_near = is_loopback(host) or (to_metadata and is_link_local(host))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_near):
        raise IssuerInvalidError(issuer=origin, what="is not https")
    return origin


def is_link_local_http(url: str) -> bool:
    """Whether it is plain http to a literal link-local address."""
    parts = urlsplit(url)
    return parts.scheme == "http" and is_link_local(parts.hostname or "")


def _plain_headers(answer: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Names in lower case, repeated ones joined (RFC 9110 section 5.3).

    Cookies are left out: nobody here wants them, and they cannot be joined.
    """
    names = {name.lower() for name in answer.headers} - {"set-cookie"}
    return {name: ", ".join(answer.headers.getall(name)) for name in sorted(names)}


def _kind(exc: Exception) -> str:
    return type(exc).__name__
