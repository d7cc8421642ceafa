"""JWTs that stand in a form and say who asks, or for whom (RFC 7523).

Knows no clock and no network. Each is made for one request, when it leaves.
"""

import base64
import json
import warnings
from collections.abc import Mapping

from msgspec.structs import replace
from oauthlib.common import add_params_to_qs

from broker.model.client import SigningKey
from broker.model.http import Assertion, HttpRequest
from broker.model.time import Seconds, UnixTime
from broker.oauth.dpop import JTI_BYTES

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ASSERTION_LIFE = Seconds(120)
"""Issuers take an assertion once, and some take none that lives for long."""

OUR_CLAIMS = frozenset({"iss", "sub", "aud", "iat", "nbf", "exp", "jti"})


def asserted(request: HttpRequest, *, at: UnixTime, random: bytes) -> HttpRequest:
    """The request with its assertions made, and without what they are made of.

    Args:
        request: a form.
        at: now.
        random: `JTI_BYTES` fresh random bytes for each.
    """
    pairs = [
        (
            each.parameter,
            _signed(each, at, random[n * JTI_BYTES : (n + 1) * JTI_BYTES]),
        )
        for n, each in enumerate(request.assertions)
    ]
    form = add_params_to_qs(request.body.decode(), pairs)
    return replace(request, body=form.encode(), assertions=())


def _signed(assertion: Assertion, at: UnixTime, random: bytes) -> str:
    claims: dict[str, object] = {
        **assertion.claims,
        "iat": int(at),
        "exp": int(at + ASSERTION_LIFE),
        "jti": base64.urlsafe_b64encode(random).rstrip(b"=").decode(),
    }
    return signed_jwt(assertion.key, claims)


def signed_jwt(key: SigningKey, claims: Mapping[str, object]) -> str:
    """The compact form of a JWT.

    Its header names the key, and the certificate beside it, as its JWK does.
    """
    from joserfc import jws  # noqa: PLC0415 - see id_token
    from joserfc.errors import SecurityWarning  # noqa: PLC0415 - as above
    from joserfc.jwk import import_key  # noqa: PLC0415 - as above

    members = json.loads(key.jwk.reveal())
    said = {name: members[name] for name in ("kid", "x5t#S256") if name in members}
    header = {"alg": key.algorithm, "typ": "JWT", **said}
    with warnings.catch_warnings():
        # RFC 9864 has a better name for EdDSA, which few issuers know yet.
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(
            header, json.dumps(claims), import_key(members), [key.algorithm]
        )
