"""Proofs of possession on the socket, as typed values. Pure: no network, no clock.

The shapes are those of clients/PROTOCOL.md.
"""

from broker.ipc.wire import Request, is_digest
from broker.model.account import parse_account_name
from broker.model.errors import BadRequestError
from broker.oauth.dpop import is_nonce
from broker.services.proofs import ProofServed, ProofWanted


class ProofBody(Request, frozen=True):
    """`POST /v1/dpop-proof`."""

    method: str
    url: str
    access_token_sha256: str
    account: str | None = None
    nonce: str | None = None


def proof_wanted(body: ProofBody) -> ProofWanted:
    """The request for a proof.

    Raises:
        BadRequestError: a member is out of its range.
    """
    if not is_digest(body.access_token_sha256):
        raise BadRequestError(
            what="access_token_sha256 is a SHA-256 in 64 lower-case hex digits"
        )
    if body.nonce is not None and not is_nonce(body.nonce):
        raise BadRequestError(what="nonce is not one that a server can have given")
    return ProofWanted(
        account=None if body.account is None else parse_account_name(body.account),
        method=body.method,
        url=body.url,
        token_digest=body.access_token_sha256,
        nonce=body.nonce,
    )


def proof_reply(served: ProofServed) -> dict[str, object]:
    """Answer of `POST /v1/dpop-proof`."""
    return {"proof": served.proof, "account": served.account}
