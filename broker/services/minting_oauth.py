"""Tokens of accounts that ask a token endpoint, each kind with a form of its own."""

from collections.abc import Callable

from broker.model.grant import Grant
from broker.model.http import HttpRequest
from broker.model.token import AccessToken
from broker.model.unattended import JwtBearer
from broker.oauth.client_credentials import client_credentials_request
from broker.oauth.jwt_bearer import jwt_bearer_request
from broker.oauth.refusals import minting_error
from broker.oauth.token import TokenRefusal
from broker.services.minting import MintingWorld
from broker.services.token_cache import TokenKey
from broker.services.token_endpoint import TokenEndpoint, token_of

_Form = Callable[[Grant, TokenKey], HttpRequest]


class TokenEndpointMinter:
    """A `Minter` for the kinds that only send a form of their own.

    Args:
        world: to ask with.
        request: the form for a grant and what is wanted of it.
    """

    def __init__(self, world: MintingWorld, request: _Form) -> None:
        self._endpoint = TokenEndpoint(
            sender=world.sender, clock=world.clock, skews=world.skews
        )
        self._skews = world.skews
        self._request = request

    async def mint(self, grant: Grant, key: TokenKey) -> AccessToken:
        """See `Minter.mint`."""
        account, issuer = grant.account, grant.account.issuer
        request = self._request(grant, key)
        heard = await self._endpoint.ask(issuer, request)
        if isinstance(heard.answer, TokenRefusal):
            is_signed = bool(request.assertions)
            raise minting_error(
                heard.answer,
                account=account.name,
                issuer=issuer.url,
                ahead=self._skews.ahead(issuer.url) if is_signed else None,
            )
        asked = frozenset(account.scopes) if key.scopes is None else key.scopes
        return token_of(
            heard.answer, obtained=heard.began, asked=asked, refreshable=True
        )


def client_credentials_form(grant: Grant, key: TokenKey) -> HttpRequest:
    """What a client asks in its own name."""
    return client_credentials_request(
        issuer=grant.account.issuer,
        client=grant.account.client,
        scopes=wanted_scopes(grant, key),
        resource=grant.account.resource or key.resource,
        parameters=grant.account.parameters,
    )


def jwt_bearer_form(grant: Grant, key: TokenKey) -> HttpRequest:
    """What is asked for whom a JWT names."""
    bearer = grant.unattended
    if not isinstance(bearer, JwtBearer):
        raise TypeError("a JWT bearer grant is asked for")
    return jwt_bearer_request(
        issuer=grant.account.issuer,
        client=grant.account.client,
        bearer=bearer,
        scopes=wanted_scopes(grant, key),
        resource=grant.account.resource or key.resource,
        parameters=grant.account.parameters,
    )


def wanted_scopes(grant: Grant, key: TokenKey) -> tuple[str, ...]:
    """What to ask for: in the person's order, or in that of the alphabet."""
    return grant.account.scopes if key.scopes is None else tuple(sorted(key.scopes))
