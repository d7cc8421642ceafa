"""Proofs for peers that use a bound token (RFC 9449 section 7): the key stays here.

A peer has one for one request, and for the token that it names by its hash: without
that token the proof is of no use, and with it alone neither is the token.
"""

import logging
from collections.abc import Callable

import msgspec

from broker.model.account import AccountName
from broker.model.errors import BadRequestError
from broker.model.issuer import Issuer
from broker.oauth.dpop import JTI_BYTES, check_request, proof, proven_url, server_of
from broker.services.access import Access
from broker.services.gate import Asker
from broker.services.interfaces import Clock
from broker.services.nonces import Nonces

log = logging.getLogger(__name__)


class ProofWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer asks for.

    Attributes:
        account: None for the one that is meant where none is named.
        method: of its request.
        url: of its request.
        token_digest: SHA-256, in hex, of the token that it sends.
        nonce: the last that the API gave it, or None.
    """

    account: AccountName | None
    method: str
    url: str
    token_digest: str
    nonce: str | None = None


class ProofServed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        account: whose.
        proof: the value of a `DPoP` header, for one request.
    """

    account: AccountName
    proof: str


class Proofs:
    """Makes them, and remembers the nonces of APIs."""

    def __init__(
        self, *, access: Access, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self._access = access
        self._clock = clock
        self._random = random
        self._nonces = Nonces()

    def proof(self, asker: Asker, wanted: ProofWanted) -> ProofServed:
        """A proof for one request of a peer's.

        Raises:
            NotPermittedError: the peer gets no tokens either.
            BadRequestError: the account's tokens are not bound, or no token is to be
                sent there.
            BrokerError: there is no such account, or the store is locked.
        """
        grant = self._access.grant_of(asker, wanted.account)
        account = grant.account
        if grant.dpop_key is None:
            what = f"the tokens of {account.name!r} are not bound: they need no proof"
            raise BadRequestError(what=what)
        check_request(wanted.method, wanted.url)
        _refuse_own(account.issuer, wanted.url)
        # An account has its own: nobody can spoil another's with a wrong nonce.
        server = (account.name, server_of(wanted.url))
        self._nonces.heard(server, wanted.nonce)
        made = proof(
            key=grant.dpop_key,
            method=wanted.method,
            url=wanted.url,
            at=self._clock.now().wall,
            random=self._random(JTI_BYTES),
            token_digest=wanted.token_digest,
            nonce=self._nonces.find(server),
        )
        log.debug("proof.served account=%s server=%s", *server)
        return ProofServed(account=wanted.account or account.name, proof=made)


def _refuse_own(issuer: Issuer, url: str) -> None:
    """See that a peer gets no proof for where the broker itself gets its tokens.

    Nobody needs one there who has not stolen a code or a refresh token.
    """
    own = (issuer.token_endpoint, issuer.pushed_authorization_request_endpoint)
    if proven_url(url) in {proven_url(each) for each in own if each is not None}:
        raise BadRequestError(what="url is where the broker alone asks for tokens")
