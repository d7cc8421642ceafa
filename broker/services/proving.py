"""Requests that must be proven or signed, on their way out (RFC 9449, RFC 7523).

Stands before the outbound door. Whoever builds a request says with which key it is to
be proven, and knows nothing of proofs and nonces: so each kind of token request has
them, one that is yet to come, too.
"""

import logging
from collections.abc import Callable

from broker.model.http import HttpRequest, HttpResponse
from broker.services.interfaces import Clock, HttpSender
from broker.services.nonces import Nonces

log = logging.getLogger(__name__)


class ProvingSender:
    """An `HttpSender` that proves what is to be proven."""

    def __init__(
        self, sender: HttpSender, *, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._random = random
        self._nonces = Nonces()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send it, with a proof where it has a key, and with what is to be signed in
        its form; see `HttpSender.send`.

        Once more where the issuer only wanted its nonce in the proof.
        """
        if request.dpop_key is None:
            return await self._sender.send(self._asserted(request))
        return await self._send_proven(request)

    async def _send_proven(self, request: HttpRequest) -> HttpResponse:
        from broker.oauth.dpop import (  # noqa: PLC0415 - few accounts need it
            given_nonce,
            server_of,
            wants_nonce,
        )

        server = server_of(request.url)
        used = self._nonces.find(server)
        response = await self._prove(request, server, used)
        given = given_nonce(response.headers)
        # The nonce that was refused would be refused again.
        if given in (None, used) or not wants_nonce(response):
            return response
        log.debug("proving.nonce.wanted server=%s", server)
        return await self._prove(request, server, given)

    def _asserted(self, request: HttpRequest) -> HttpRequest:
        """Anew for each time that it is sent: an issuer takes an assertion once."""
        if not request.assertions:
            return request
        from broker.oauth.assertions import asserted  # noqa: PLC0415 - see above
        from broker.oauth.dpop import JTI_BYTES  # noqa: PLC0415 - see above

        random = self._random(JTI_BYTES * len(request.assertions))
        return asserted(request, at=self._clock.now().wall, random=random)

    async def _prove(
        self, request: HttpRequest, server: str, nonce: str | None
    ) -> HttpResponse:
        from broker.oauth.dpop import (  # noqa: PLC0415 - see above
            JTI_BYTES,
            given_nonce,
            proven,
        )

        response = await self._sender.send(
            proven(
                self._asserted(request),
                at=self._clock.now().wall,
                random=self._random(JTI_BYTES),
                nonce=nonce,
            )
        )
        self._nonces.heard(server, given_nonce(response.headers))
        return response
