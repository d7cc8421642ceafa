"""Bound tokens (RFC 9449): what goes with one, and what an API says of it. Does no I/O.

The key is the broker's and stays there: it is asked for a proof for each request.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brokerd_client.errors import reply_malformed
from brokerd_client.origins import origin_of
from brokerd_client.tokens import DPOP, is_visible, token_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brokerd_client.origins import Origin
    from brokerd_client.tokens import Token

LONGEST_NONCE = 1024
"""Characters; the broker takes no longer one."""

_WANTS_NONCE = re.compile(r'\bDPoP\b.*\berror="?use_dpop_nonce\b', re.IGNORECASE)


def is_bound(token: Token) -> bool:
    """Whether an API takes the token with a proof only."""
    return token.token_type == DPOP


def proof_request(
    token: Token, method: str, url: str, nonce: str | None
) -> dict[str, object]:
    """The body of `POST /v1/dpop-proof`."""
    body: dict[str, object] = {
        "account": token.account,
        "method": method,
        "url": url,
        "access_token_sha256": token_digest(token.value),
    }
    if nonce is not None:
        body["nonce"] = nonce
    return body


def parse_proof(reply: object) -> str:
    """The value of a `DPoP` header, from a reply of `POST /v1/dpop-proof`.

    Raises:
        ReplyMalformedError: it has another shape, or could not be sent in a header.
    """
    proof = reply.get("proof") if isinstance(reply, dict) else None
    if not isinstance(proof, str) or not proof or not is_visible(proof):
        raise reply_malformed("no proof")
    return proof


def wants_nonce(headers: Mapping[str, str]) -> bool:
    """Whether a 401 only says that the proof has not the API's nonce (section 9)."""
    return _WANTS_NONCE.search(headers.get("WWW-Authenticate") or "") is not None


class Nonces:
    """The last nonce of each origin (section 8.2)."""

    def __init__(self) -> None:
        self._nonces: dict[Origin | None, str] = {}

    def heard(self, url: str, headers: Mapping[str, str]) -> None:
        """Keep what an answer from `url` brings, be it a success or not."""
        nonce = headers.get("DPoP-Nonce") or ""
        known = is_visible(nonce) and not {*nonce} & {*' "\\'}
        if nonce and known and len(nonce) <= LONGEST_NONCE:
            self._nonces[origin_of(url)] = nonce

    def find(self, url: str) -> str | None:
        """What a proof for `url` is to hold, or None."""
        return self._nonces.get(origin_of(url))
