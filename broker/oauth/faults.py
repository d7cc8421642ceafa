"""Answers that are not the issuer's own word: overload, proxies, captive portals."""

from broker.model.errors import IssuerOverloadedError, IssuerUnreachableError
from broker.model.http import HttpResponse
from broker.oauth.http_date import retry_after

_OVERLOADED = frozenset({429, 503})
_TIMED_OUT = 408
_PROXY_LOGIN = 407


def transport_fault(
    response: HttpResponse, issuer: str
) -> IssuerOverloadedError | IssuerUnreachableError | None:
    """What stands between us and the issuer's answer, or None where it answered.

    429 and 503 ask for patience; any other 5xx, a redirect, and a proxy or a captive
    portal (407, 511) mean that the issuer itself said nothing.

    Args:
        response: as it came.
        issuer: the issuer URL, for the error.
    """
    status = response.status
    if status in _OVERLOADED:
        return IssuerOverloadedError(issuer=issuer, retry_after=wanted_wait(response))
    is_answer = 200 <= status < 300 or 400 <= status < 500  # noqa: PLR2004 - HTTP classes
    if not is_answer or status in (_PROXY_LOGIN, _TIMED_OUT):
        return IssuerUnreachableError(
            issuer=issuer,
            what=f"HTTP status {status}",
            retry_after=wanted_wait(response),
        )
    return None


def wanted_wait(response: HttpResponse) -> int | None:
    """The seconds of `Retry-After`, or None: the wait is then ours to choose."""
    return retry_after(response.headers.get("retry-after"), date=response.date)
