"""One request to a token endpoint: sent, its clock looked at, its answer read."""

import msgspec

from broker.model.http import HttpRequest
from broker.model.issuer import Issuer
from broker.model.time import Instant, Seconds
from broker.model.token import AccessToken, Scopes
from broker.oauth.token import TokenRefusal, TokenResponse, parse_token_response
from broker.services.interfaces import Clock, HttpSender
from broker.services.skew import Skews

ASSUMED_LIFE = Seconds(3600)
"""Of a token whose issuer says no `expires_in` but gave a refresh token.

RFC 6749 section 5.1 leaves it to the issuer's documentation; an hour is what
the large ones grant.
"""


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


def token_of(
    answer: TokenResponse, *, obtained: Instant, asked: Scopes, refreshable: bool
) -> AccessToken:
    """The access token in an answer of the token endpoint.

    Args:
        answer: what the token endpoint said.
        obtained: the moment before the request left.
        asked: the scopes that were asked for: RFC 6749 section 5.1 leaves `scope`
            out of the answer where it is the same.
        refreshable: whether a refresh token is there.
    """
    life = answer.expires_in
    if life is None and refreshable:
        life = ASSUMED_LIFE
    return AccessToken(
        value=answer.access_token,
        token_type=answer.token_type,
        scopes=asked if answer.scopes is None else answer.scopes,
        obtained=obtained,
        life=life,
    )
