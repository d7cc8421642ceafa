"""What went wrong on the way to an issuer, in plain words. Knows no requests."""

import errno
import socket
import ssl

import aiohttp

from broker.model.errors import (
    BrokerError,
    ClientRejectedError,
    IssuerMalformedError,
    IssuerUnreachableError,
)
from broker.model.text import safe_text
from broker.model.time import Seconds
from broker.net.socks import socks_faults

_WORDS_BY_ERRNO = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no network",
    errno.ETIMEDOUT: "no answer in time",
}

_WORDS_BY_KIND: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientPayloadError, "the answer was cut off"),
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (aiohttp.SocketTimeoutError, "no answer in time"),
    # A name with a label that is empty or over 63 bytes cannot be asked for.
    (UnicodeError, "no such host"),
)
"""The first that fits."""

_OURS = ("CERTIFICATE", "UNKNOWN_CA")
"""What an alert is about, which is sent for the certificate of the client."""

_NO_SUCH_HOST = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)})


def turned_fault(
    exc: Exception, origin: str, total: Seconds, *, sent: bool
) -> BrokerError:
    """A foreign exception as ours, without any part of the request or the answer.

    Args:
        exc: of aiohttp or the system.
        origin: scheme, host and port of the URL.
        total: the deadline in force, in seconds.
        sent: whether a part of the request may have left.
    """
    if isinstance(exc, aiohttp.ClientHttpProxyError):
        what = f"the proxy answered {exc.status}"
        return IssuerUnreachableError(issuer=origin, what=what, sent=sent)
    if isinstance(exc, socks_faults()):
        what = f"the proxy: {_socks_words(exc)}"
        return IssuerUnreachableError(issuer=origin, what=what, sent=sent)
    if isinstance(exc, aiohttp.ClientResponseError):
        return IssuerMalformedError(issuer=origin, what="the answer is not HTTP")
    return IssuerUnreachableError(issuer=origin, what=_words(exc, total), sent=sent)


def refused_certificate(exc: Exception, origin: str) -> BrokerError | None:
    """That TLS was refused for the certificate that we have shown; None if it was not.

    The alerts are those of RFC 8446 section 6.2, as OpenSSL names them.
    """
    met = _met(exc) if isinstance(exc, OSError) else None
    reason = str(getattr(met, "reason", None) or "")
    if "ALERT" not in reason or not any(word in reason for word in _OURS):
        return None
    said = safe_text(reason.lower().replace("_", " "))
    return ClientRejectedError(issuer=origin, error="TLS", description=said)


def _words(exc: Exception, total: Seconds) -> str:
    for kind, words in _WORDS_BY_KIND:
        if isinstance(exc, kind):
            return words
    match exc:
        case TimeoutError():
            return f"no answer in {total:g} s"
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy: {_system_words(exc.os_error)}"
        case OSError():
            return _system_words(_met(exc))
    return "the connection failed"


def _met(exc: OSError) -> OSError:
    """What aiohttp met, before it made an exception of its own of that."""
    if isinstance(exc, aiohttp.ClientConnectorError):
        return exc.os_error
    # TLS through a SOCKS proxy becomes a plain ClientOSError.
    return exc.__cause__ if isinstance(exc.__cause__, ssl.SSLError) else exc


def _socks_words(exc: Exception) -> str:
    match exc.__cause__:
        case TimeoutError():
            return "no answer in time"
        case OSError() as cause:
            return _system_words(cause)
    return safe_text(str(exc)).lower()


def _system_words(exc: OSError) -> str:
    match exc:
        case ssl.SSLError():
            return _tls_words(exc)
        case socket.gaierror() if exc.errno in _NO_SUCH_HOST:
            return "no such host"
        case socket.gaierror():
            return "the name of the host could not be looked up"
    if exc.errno in _WORDS_BY_ERRNO:
        return _WORDS_BY_ERRNO[exc.errno]
    return safe_text((exc.strerror or "the connection failed").lower())


def _tls_words(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"TLS certificate not trusted: {safe_text(exc.verify_message)}"
    reason = (exc.reason or "no reason given").lower().replace("_", " ")
    return f"TLS failed: {safe_text(reason)}"
