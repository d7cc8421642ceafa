"""One HTTP request to an issuer and its answer, as values. Knows no network."""

from collections.abc import Mapping

import msgspec

from broker.model.client import ClientCertificate, SigningKey
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.model.veiled import Veiled


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """A JWT that is to stand in the form, made when the request leaves.

    Attributes:
        parameter: of the form, such as 'client_assertion'.
        key: that signs it.
        claims: all but the moments and the id of the JWT itself.
    """

    parameter: str
    key: SigningKey
    claims: Mapping[str, str]


class HttpRequest(Veiled, frozen=True, kw_only=True):
    """A request to an issuer. Headers and body stay out of the repr: they hold secrets.

    Attributes:
        method: 'GET', 'POST', 'PUT' or 'DELETE'.
        url: an absolute https URL, or http where the host is a loopback address.
        headers: names in their usual spelling.
        body: the encoded body, empty for GET and DELETE.
        to_metadata: whether it may go in the clear to a link-local address: whoever
            sets it knows it for the metadata service of this machine itself.
        dpop_key: with which it is to be proven, or None; never sent itself.
        assertions: that are to be signed and added to the form.
        certificate: that is to be shown to the issuer, or None.
    """

    veiled = frozenset({"headers", "body"})

    method: str
    url: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    dpop_key: Secret | None = None
    to_metadata: bool = False
    assertions: tuple[Assertion, ...] = ()
    certificate: ClientCertificate | None = None


class HttpResponse(Veiled, frozen=True, kw_only=True):
    """What came back, whatever its status.

    Attributes:
        status: 200, 400, 503 ...
        headers: names in lower case.
        body: at most the sender's cap.
        date: when the issuer's clock says that it answered, or None where it does not
            say, or a cache has answered for it.
    """

    veiled = frozenset({"headers", "body"})

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    date: UnixTime | None = None
