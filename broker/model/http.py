"""One HTTP request to an issuer and its answer, as values. Knows no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.model.secret import Secret
from broker.model.time import UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request to an issuer. Headers and body stay out of the repr: they hold secrets.

    Attributes:
        method: 'GET', 'POST', 'PUT' or 'DELETE'.
        url: an absolute https URL, or http where the host is a loopback address.
        headers: names in their usual spelling.
        body: the encoded body, empty for GET and DELETE.
        to_metadata: whether it may go in the clear to a link-local address: whoever
            sets it knows it for the metadata service of this machine itself.
        dpop_key: with which it is to be proven, or None; never sent itself.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    dpop_key: Secret | None = None
    to_metadata: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """What came back, whatever its status.

    Attributes:
        status: 200, 400, 503 ...
        headers: names in lower case.
        body: at most the sender's cap.
        date: when the issuer's clock says that it answered, or None where it does not
            say, or a cache has answered for it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    date: UnixTime | None = None
