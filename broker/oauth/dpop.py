"""Proofs of possession (RFC 9449): who uses a bound token shows that he has its key.

Knows no clock and no network. joserfc makes the proofs, as it reads the ID tokens: it
has the thumbprint of RFC 7638 and takes a key as a JWK, which PyJWT leaves to its
caller, and a second library for JOSE would bring nothing.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from broker.model.errors import BadRequestError
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.time import UnixTime
from broker.oauth.endpoints import url_fault
from broker.oauth.grammar import is_scope_token

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

ALGORITHM = "ES256"
"""What every issuer with DPoP is known to take; its keys and proofs are short."""

KEY_BYTES = 32
JTI_BYTES = 16
"""Unique without a doubt (RFC 9449 section 4.2 asks for 96 bits at least)."""

LONGEST_NONCE = 1024
"""Characters; it goes back in each proof, and few servers take a longer header."""

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")  # RFC 9110 section 5.6.2


def dpop_key(random: bytes) -> Secret:
    """A new private key, as the JSON of a JWK.

    Args:
        random: `KEY_BYTES` fresh random bytes.
    """
    from joserfc.jwk import ECKey  # noqa: PLC0415 - see id_token

    if len(random) != KEY_BYTES:
        raise ValueError(f"a key is made of {KEY_BYTES} random bytes")
    members = ECKey.derive_key(random, "P-256").as_dict(private=True)
    wanted = {name: members[name] for name in ("kty", "crv", "x", "y", "d")}
    return Secret(json.dumps(wanted))


def thumbprint(key: Secret) -> str:
    """By which an issuer knows the key (RFC 7638): `dpop_jkt`. Not a secret."""
    return _imported(key).thumbprint()


def proof(
    *,
    key: Secret,
    method: str,
    url: str,
    at: UnixTime,
    random: bytes,
    token_digest: str | None = None,
    nonce: str | None = None,
) -> str:
    """A proof for one request; of no use for another, nor to whoever has no token.

    Args:
        key: from `dpop_key`.
        method: of the request.
        url: of the request; query and fragment are left out.
        at: now.
        random: `JTI_BYTES` fresh random bytes.
        token_digest: SHA-256, in hex, of the access token that goes with it; None for
            a request to the token endpoint.
        nonce: the last that the server gave, or None.

    Source: RFC 9449 section 4.2.
    """
    from joserfc import jws  # noqa: PLC0415 - see id_token

    own = _imported(key)
    header = {"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": _public(own)}
    claims: dict[str, object] = {
        "jti": _base64url(random),
        "htm": method,
        "htu": proven_url(url),
        "iat": int(at),
    }
    if token_digest is not None:
        claims["ath"] = _base64url(bytes.fromhex(token_digest))
    if nonce is not None:
        claims["nonce"] = nonce
    return jws.serialize_compact(header, json.dumps(claims), own, [ALGORITHM])


def proven(
    request: HttpRequest, *, at: UnixTime, random: bytes, nonce: str | None
) -> HttpRequest:
    """The request with the proof that its key is for, and without the key."""
    if request.dpop_key is None:
        return request
    made = proof(
        key=request.dpop_key,
        method=request.method,
        url=request.url,
        at=at,
        random=random,
        nonce=nonce,
    )
    return replace(request, headers={**request.headers, "DPoP": made}, dpop_key=None)


def proven_url(url: str) -> str:
    """`htu`: the URL without query and fragment (RFC 9449 section 4.2).

    An empty path is '/', as it is on the wire.
    """
    bare = url.partition("#")[0].partition("?")[0]
    scheme, _, rest = bare.partition("://")
    return bare if "/" in rest or not scheme else f"{bare}/"


def check_request(method: str, url: str) -> None:
    """Nothing, where a peer may have a proof for this request.

    Raises:
        BadRequestError: no method, or no URL that a token may be sent to.
    """
    if not _METHOD.fullmatch(method):
        raise BadRequestError(what="method is one of HTTP's, such as GET")
    fault = url_fault(proven_url(url))
    if fault is not None:
        raise BadRequestError(what=f"url {fault}")


def server_of(url: str) -> str:
    """Scheme, host and port, in one spelling: whose nonce it is."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def is_nonce(text: str) -> bool:
    """Whether a server can have given this as a nonce (RFC 9449 section 8.1)."""
    return len(text) <= LONGEST_NONCE and is_scope_token(text)


def given_nonce(headers: Mapping[str, str]) -> str | None:
    """The nonce for the next proof, where an answer brings one (RFC 9449 section 8.2).

    Args:
        headers: names in lower case.
    """
    nonce = headers.get("dpop-nonce")
    return nonce if nonce is not None and is_nonce(nonce) else None


def wants_nonce(response: HttpResponse) -> bool:
    """Whether a token endpoint refused only because the proof had not its nonce.

    It has not looked at code or refresh token then: they may be sent once more.

    Source: RFC 9449 section 8.
    """
    if response.status not in (400, 401):
        return False
    try:
        document = parse_json(response.body)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("error") == "use_dpop_nonce"


def _imported(key: Secret) -> "ECKey":
    from joserfc.jwk import ECKey  # noqa: PLC0415 - see id_token

    return ECKey.import_key(json.loads(key.reveal()))


def _public(key: "ECKey") -> dict[str, object]:
    """The public half, member by member: nothing else can slip into a header."""
    members = key.as_dict(private=False)
    return {name: members[name] for name in ("kty", "crv", "x", "y")}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
