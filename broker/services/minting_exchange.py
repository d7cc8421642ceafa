"""Tokens of accounts that show the token of another one (RFC 8693)."""

from broker.model.errors import BrokerError
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.token import AccessToken, digest_of
from broker.model.unattended import TokenExchange
from broker.oauth.refusals import minting_error
from broker.oauth.token import TokenRefusal
from broker.oauth.token_exchange import (
    TOKEN_TYPES,
    check_issued,
    exchange_request,
    is_about_the_subject,
)
from broker.services.minting import MintingWorld
from broker.services.minting_oauth import wanted_scopes
from broker.services.token_cache import TokenKey
from broker.services.token_endpoint import Heard, TokenEndpoint, token_of


class ExchangeMinter:
    """A `Minter` for token exchange."""

    def __init__(self, world: MintingWorld) -> None:
        self._world = world
        self._endpoint = TokenEndpoint(
            sender=world.sender, clock=world.clock, skews=world.skews
        )

    async def mint(self, grant: Grant, key: TokenKey) -> AccessToken:
        """See `Minter.mint`."""
        account, issuer, how = grant.account, grant.account.issuer.url, _how(grant)
        heard = await self._heard(grant, key, how)
        if isinstance(heard.answer, TokenRefusal):
            is_signed = account.client.key is not None
            raise minting_error(
                heard.answer,
                account=account.name,
                issuer=issuer,
                ahead=self._world.skews.ahead(issuer) if is_signed else None,
            )
        answer = check_issued(
            heard.answer, requested_type=how.requested_type, issuer=issuer
        )
        asked = frozenset(account.scopes) if key.scopes is None else key.scopes
        # Whatever it gives to renew it with is left alone: the other account is what
        # tokens come from, and ends them.
        return token_of(answer, obtained=heard.began, asked=asked, refreshable=True)

    async def _heard(self, grant: Grant, key: TokenKey, how: TokenExchange) -> Heard:
        """Its answer, to a newer token of the other account where the first is no good.

        Once: what is refused with a new one has another reason.
        """
        subject = await self._shown(how)
        heard = await self._ask(grant, key, how, subject)
        answer = heard.answer
        if not (isinstance(answer, TokenRefusal) and is_about_the_subject(answer)):
            return heard
        newer = await self._newer(how, subject)
        return heard if newer is None else await self._ask(grant, key, how, newer)

    async def _newer(self, how: TokenExchange, subject: Secret) -> Secret | None:
        try:
            newer = await self._shown(how, subject)
        except BrokerError:
            return None  # what was refused is what the person should know
        return None if newer == subject else newer

    async def _shown(
        self, how: TokenExchange, rejected: Secret | None = None
    ) -> Secret:
        """What is shown; a newer one, where one did not do and there is any."""
        if how.subject_type == TOKEN_TYPES["id_token"]:
            return await self._world.id_token_of(how.parent, rejected)
        digest = None if rejected is None else digest_of(rejected)
        return (await self._world.token_of(how.parent, digest)).value

    async def _ask(
        self, grant: Grant, key: TokenKey, how: TokenExchange, subject: Secret
    ) -> Heard:
        account = grant.account
        request = exchange_request(
            issuer=account.issuer,
            client=account.client,
            subject=subject,
            subject_type=how.subject_type,
            requested_type=how.requested_type,
            scopes=wanted_scopes(grant, key),
            audiences=how.audiences,
            resource=account.resource or key.resource,
            parameters=account.parameters,
        )
        return await self._endpoint.ask(account.issuer, request, is_exchange=True)


def _how(grant: Grant) -> TokenExchange:
    if not isinstance(grant.unattended, TokenExchange):
        raise TypeError(f"{grant.account.name!r} exchanges no token")
    return grant.unattended
