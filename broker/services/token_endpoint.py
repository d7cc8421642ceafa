"""One request to a token endpoint: sent, its clock looked at, its answer read."""

import msgspec

from broker.model.http import HttpRequest
from broker.model.issuer import Issuer
from broker.model.time import Instant
from broker.oauth.token import TokenRefusal, TokenResponse, parse_token_response
from broker.services.interfaces import Clock, HttpSender
from broker.services.skew import Skews


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What it said.

    Attributes:
        answer: tokens, or what was refused.
        began: the moment before the request left.
    """

    answer: TokenResponse | TokenRefusal
    began: Instant


class TokenEndpoint:
    """Asks the token endpoints of issuers."""

    def __init__(self, *, sender: HttpSender, clock: Clock, skews: Skews) -> None:
        self._sender = sender
        self._clock = clock
        self._skews = skews

    async def ask(
        self, issuer: Issuer, request: HttpRequest, *, is_exchange: bool = False
    ) -> Heard:
        """Send it once.

        Args:
            issuer: whose endpoint it is.
            request: to it.
            is_exchange: see `parse_token_response`.

        Raises:
            BrokerError: of the sender and of `parse_token_response`.
        """
        began = self._clock.now()
        response = await self._sender.send(request)
        answered = self._clock.now()
        self._skews.heard(issuer.url, response, sent=began, answered=answered)
        answer = parse_token_response(
            response,
            issuer=issuer.url,
            quirks=issuer.quirks,
            is_bound=request.dpop_key is not None,
            is_exchange=is_exchange,
        )
        return Heard(answer=answer, began=began)
