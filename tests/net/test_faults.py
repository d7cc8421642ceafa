import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from broker.model.errors import (
    ClientRejectedError,
    IssuerMalformedError,
    IssuerUnreachableError,
)
from broker.model.time import Seconds
from broker.net.faults import refused_certificate, turned_fault

ORIGIN = "https://issuer.example.com"
KEY = ConnectionKey("issuer.example.com", 443, True, True, None, None, None)
REQUEST = aiohttp.RequestInfo(
    URL("https://issuer.example.com/token?secret=1"),
    "POST",
    CIMultiDictProxy(CIMultiDict({"Authorization": "Basic hush"})),
    URL("https://issuer.example.com/token?secret=1"),
)


def untrusted(message: str) -> ssl.SSLCertVerificationError:
    exc = ssl.SSLCertVerificationError(1, "certificate verify failed")
    exc.verify_message = message
    return exc


def tls_failure(reason: str) -> ssl.SSLError:
    exc = ssl.SSLError(1, "TLS")
    exc.reason = reason
    return exc


def connecting(cause: OSError) -> Exception:
    return aiohttp.ClientConnectorError(KEY, cause)


WORDS: list[tuple[Exception, str]] = [
    (connecting(OSError(errno.ECONNREFUSED, "x")), "connection refused"),
    (connecting(OSError(errno.EHOSTUNREACH, "x")), "no route to the host"),
    (connecting(OSError(errno.ENETUNREACH, "x")), "no network"),
    (connecting(OSError(errno.EACCES, "Permission denied")), "permission denied"),
    (connecting(OSError()), "the connection failed"),
    (connecting(socket.gaierror(socket.EAI_NONAME, "x")), "no such host"),
    (
        connecting(socket.gaierror(socket.EAI_AGAIN, "x")),
        "the name of the host could not be looked up",
    ),
    (
        aiohttp.ClientConnectorCertificateError(KEY, untrusted("self-signed")),
        "TLS certificate not trusted: self-signed",
    ),
    (
        aiohttp.ClientConnectorSSLError(KEY, tls_failure("WRONG_VERSION_NUMBER")),
        "TLS failed: wrong version number",
    ),
    (
        aiohttp.ClientProxyConnectionError(KEY, OSError(errno.ECONNREFUSED, "x")),
        "the proxy: connection refused",
    ),
    (
        aiohttp.ClientHttpProxyError(REQUEST, (), status=407, message="hush"),
        "the proxy answered 407",
    ),
    (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "connection reset"),
    (
        aiohttp.ServerDisconnectedError("hush"),
        "the connection was closed without an answer",
    ),
    (aiohttp.ClientPayloadError("hush"), "the answer was cut off"),
    (aiohttp.ConnectionTimeoutError("hush"), "no connection in time"),
    (aiohttp.SocketTimeoutError("hush"), "no answer in time"),
    (TimeoutError(), "no answer in 30 s"),
    (aiohttp.ClientError("hush"), "the connection failed"),
]


@pytest.mark.parametrize(("exc", "words"), WORDS, ids=[w for _, w in WORDS])
def test_a_fault_on_the_way_is_told_in_plain_words(exc: Exception, words: str) -> None:
    fault = turned_fault(exc, ORIGIN, Seconds(30), sent=False)
    assert isinstance(fault, IssuerUnreachableError)
    assert (fault.issuer, fault.what) == (ORIGIN, words)


@pytest.mark.parametrize("exc", [exc for exc, _ in WORDS], ids=[w for _, w in WORDS])
def test_a_fault_says_whether_the_request_may_have_left(exc: Exception) -> None:
    for sent in (True, False):
        fault = turned_fault(exc, ORIGIN, Seconds(30), sent=sent)
        assert isinstance(fault, IssuerUnreachableError)
        assert fault.sent is sent


def test_an_answer_that_is_not_http_is_malformed() -> None:
    exc = aiohttp.ClientResponseError(REQUEST, (), status=400, message="hush")
    fault = turned_fault(exc, ORIGIN, Seconds(30), sent=False)
    assert isinstance(fault, IssuerMalformedError)
    assert "hush" not in str(fault)


def test_what_a_certificate_says_cannot_rewrite_a_terminal() -> None:
    exc = aiohttp.ClientConnectorCertificateError(KEY, untrusted("a\x1b[2Kb"))
    assert "\x1b" not in str(turned_fault(exc, ORIGIN, Seconds(30), sent=False))


@pytest.mark.parametrize(
    "reason",
    [
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "TLSV1_ALERT_UNKNOWN_CA",
    ],
)
def test_an_alert_about_our_certificate_is_about_the_client(reason: str) -> None:
    found = refused_certificate(connecting(tls_failure(reason)), ORIGIN)
    assert isinstance(found, ClientRejectedError)
    assert (found.error, found.issuer) == ("TLS", ORIGIN)
    assert found.description == reason.lower().replace("_", " ")


@pytest.mark.parametrize(
    "exc",
    [
        connecting(tls_failure("WRONG_VERSION_NUMBER")),
        connecting(tls_failure("TLSV1_ALERT_PROTOCOL_VERSION")),
        connecting(untrusted("self-signed certificate")),
        connecting(OSError(errno.ECONNRESET, "reset")),
        TimeoutError(),
    ],
)
def test_other_faults_are_not_about_it(exc: Exception) -> None:
    assert refused_certificate(exc, ORIGIN) is None
