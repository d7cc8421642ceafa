"""Tokens of accounts that ask a token endpoint in a client's own name."""

from broker.model.grant import Grant
from broker.model.http import HttpRequest
from broker.model.token import AccessToken
from broker.oauth.client_credentials import client_credentials_request
from broker.oauth.refusals import minting_error
from broker.oauth.token import TokenRefusal
from broker.services.minting import MintingWorld
from broker.services.refresh import token_of
from broker.services.token_cache import TokenKey
from broker.services.token_endpoint import TokenEndpoint


class ClientMinter:
    """A `Minter` for client credentials."""

    def __init__(self, world: MintingWorld) -> None:
        self._endpoint = TokenEndpoint(
            sender=world.sender, clock=world.clock, skews=world.skews
        )

    async def mint(self, grant: Grant, key: TokenKey) -> AccessToken:
        """See `Minter.mint`."""
        account, issuer = grant.account, grant.account.issuer
        heard = await self._endpoint.ask(issuer, _request(grant, key))
        if isinstance(heard.answer, TokenRefusal):
            raise minting_error(heard.answer, account=account.name, issuer=issuer.url)
        asked = frozenset(account.scopes) if key.scopes is None else key.scopes
        return token_of(
            heard.answer, obtained=heard.began, asked=asked, refreshable=True
        )


def wanted_scopes(grant: Grant, key: TokenKey) -> tuple[str, ...]:
    """What to ask for: in the person's order, or in that of the alphabet."""
    return grant.account.scopes if key.scopes is None else tuple(sorted(key.scopes))


def _request(grant: Grant, key: TokenKey) -> HttpRequest:
    account = grant.account
    return client_credentials_request(
        issuer=account.issuer,
        client=account.client,
        scopes=wanted_scopes(grant, key),
        resource=account.resource or key.resource,
        parameters=account.parameters,
    )
