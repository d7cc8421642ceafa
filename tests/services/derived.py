"""Accounts that are made of 'work', and issuers for them."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client, ClientAuthentication
from broker.model.errors import BrokerError
from broker.model.grant import Grant
from broker.model.http import HttpRequest, HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.unattended import TokenExchange, View
from broker.oauth.token_exchange import TOKEN_EXCHANGE, TOKEN_TYPES
from tests.fakes.sender import json_response
from tests.services.world import METADATA, WORK, World, a_grant, token_answer

CI = AccountName("ci")
GATEWAY = AccountName("gateway")
ACCESS = TOKEN_TYPES["access_token"]

STS = Issuer(
    url="https://sts.example",
    authorization_endpoint="https://sts.example/none",
    token_endpoint="https://sts.example/token",
)


def a_view(
    *scopes: str,
    name: AccountName = CI,
    parent: AccountName = WORK,
    resource: str | None = None,
    wider: bool = False,
) -> Grant:
    """A view that is saved."""
    grant = a_grant(name, refresh_token=None, scopes=" ".join(scopes))
    return replace(
        grant,
        account=replace(grant.account, resource=resource),
        unattended=View(parent=parent, wider=wider),
    )


def an_exchange(
    *,
    name: AccountName = GATEWAY,
    parent: AccountName = WORK,
    requested_type: str | None = None,
    audiences: tuple[str, ...] = (),
    subject_type: str = ACCESS,
    issuer: Issuer = STS,
    **account: object,
) -> Grant:
    """An account that shows another one's token at `STS`, with the scope read."""
    grant = a_grant(name, refresh_token=None, scopes="read")
    client = Client(
        client_id="gateway-1",
        client_secret=Secret("s3cret"),
        authentication=ClientAuthentication.POST,
    )
    how = TokenExchange(
        parent=parent,
        subject_type=subject_type,
        requested_type=requested_type,
        audiences=audiences,
    )
    changed = replace(grant.account, issuer=issuer, client=client, **account)
    return replace(grant, account=changed, unattended=how)


def exchanged(value: str, **members: object) -> HttpResponse:
    """A success of an exchange."""
    return token_answer(value, **{"issued_token_type": ACCESS, **members})


@dataclass
class Both:
    """What the two issuers of a world were asked, and what they answer.

    A refresh gives 'access-1', 'access-2' ..., an exchange 'exchanged-1' ...; or what
    lies in the lists, first in, first out.
    """

    refreshes: list[dict[str, list[str]]] = field(default_factory=list)
    exchanges: list[dict[str, list[str]]] = field(default_factory=list)
    to_refresh: list[HttpResponse | BrokerError] = field(default_factory=list)
    to_exchange: list[HttpResponse | BrokerError] = field(default_factory=list)

    @property
    def shown(self) -> list[str]:
        """The tokens that were shown for others."""
        return [form["subject_token"][0] for form in self.exchanges]

    def answer(self, request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(METADATA)
        form = parse_qs(request.body.decode())
        if form["grant_type"] == [TOKEN_EXCHANGE]:
            self.exchanges.append(form)
            given = exchanged(f"exchanged-{len(self.exchanges)}")
            answer = self.to_exchange.pop(0) if self.to_exchange else given
        else:
            self.refreshes.append(form)
            given = token_answer(f"access-{len(self.refreshes)}")
            answer = self.to_refresh.pop(0) if self.to_refresh else given
        if isinstance(answer, BrokerError):
            raise answer
        return answer


def both(world: World) -> Both:
    """Issuers that answer both kinds of requests."""
    issuers = Both()
    world.sender.answer_always(issuers.answer)
    return issuers


async def soon(awaitable: asyncio.Future[object] | asyncio.Task[object]) -> None:
    """See that it ends without time going by: what hangs, fails."""
    for _ in range(200):
        if awaitable.done():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it hangs: {awaitable}")
