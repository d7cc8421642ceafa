"""Makes accounts of other accounts: views, and those that show the other one's token.

Each is tried with one token, then saved. None is made that would turn in a circle.
"""

import asyncio
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from broker.model.account import Account, AccountName
from broker.model.client import Client
from broker.model.errors import BadRequestError
from broker.model.grant import Grant
from broker.model.issuer import Issuer
from broker.model.token import AccessToken
from broker.model.unattended import TokenExchange, View
from broker.model.veiled import Veiled
from broker.oauth.unattended_client import asked_with, bare_issuer, proving
from broker.services.adding import Added, Adding, Wanted
from broker.services.arrivals import require_free
from broker.services.interfaces import Clock
from broker.services.issuers import Issuers
from broker.services.lineage import is_made_of, refuse_wider, source, through
from broker.services.opened import Opened
from broker.services.served import NO_MIN_TTL
from broker.services.vault import Vault


class ViewWanted(msgspec.Struct, frozen=True, kw_only=True):
    """A view that is to be made.

    Attributes:
        name: what it is to be called.
        view: of which account.
        scopes: all that it may ask for; empty for all that the other has.
        resource: the only one that its tokens are for (RFC 8707), or None for any.
        replace: whether it may take the place of another account without a person.
    """

    name: AccountName
    view: View
    scopes: tuple[str, ...] = ()
    resource: str | None = None
    replace: bool = False


class ExchangeWanted(Veiled, frozen=True, kw_only=True):
    """An account that is to show another one's token.

    Attributes:
        name: what it is to be called.
        exchange: whose token, for what.
        issuer: a preset's name or an issuer URL; None for the other account's.
        token_endpoint: in the place of `issuer`, of one that publishes no metadata.
        client: who asks; None for the other account's where its issuer is meant, and
            for nobody elsewhere.
        scopes: to ask for, in the person's order; empty for what the issuer gives.
        resource: the only one that its tokens are for (RFC 8707), or None for any.
        parameters: more of the request.
        audience: for whom the client signs who it is; see `adding.Wanted`.
        secret_in_body: see there, too.
        replace: whether it may take the place of another account without a person.
    """

    veiled = frozenset({"parameters"})

    name: AccountName
    exchange: TokenExchange
    issuer: str | None = None
    token_endpoint: str | None = None
    client: Client | None = None
    scopes: tuple[str, ...] = ()
    resource: str | None = None
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)
    audience: str | None = None
    secret_in_body: bool = False
    replace: bool = False


class Deriving:
    """Makes them."""

    def __init__(
        self, *, vault: Vault, adding: Adding, issuers: Issuers, clock: Clock
    ) -> None:
        self._vault = vault
        self._adding = adding
        self._issuers = issuers
        self._clock = clock
        # Two at once could be made of each other.
        self._one_at_a_time = asyncio.Lock()

    async def view(self, wanted: ViewWanted) -> Added:
        """Get one token through it, and save it.

        Raises:
            AccountExistsError: the name is taken, and may not be.
            BadRequestError: it would be made of itself.
            NotNarrowedError: the issuer gives nothing as narrow as it is to be.
            BrokerError: of the other account, of the store; nothing is kept.
        """
        self._vault.require_serving()
        async with self._one_at_a_time, self._vault.held_open() as opened:
            own = _parent(opened, wanted.name, wanted.view.parent)
            account = replace(
                own.account,
                name=wanted.name,
                client=Client(client_id=own.account.client.client_id),
                scopes=wanted.scopes,
                parameters={},
                resource=wanted.resource,
                login_hint=None,
                dpop=False,
            )
            grant = Grant(
                account=account,
                version=0,  # given by whoever saves it
                scopes=frozenset(wanted.scopes),
                granted_at=self._clock.now().wall,
                unattended=wanted.view,
            )
            return await self._viewed(opened, grant, may_replace=wanted.replace)

    async def exchange(self, wanted: ExchangeWanted) -> Added:
        """Find the issuer, try for one token, and save it.

        Raises:
            AccountExistsError: the name is taken, and may not be.
            BadRequestError: it would be made of itself.
            BrokerError: of the discovery, of the other account, of the issuer, of the
                store; nothing is kept.
        """
        self._vault.require_serving()
        async with self._one_at_a_time:
            opened = self._vault.require_open()
            own = _parent(opened, wanted.name, wanted.exchange.parent)
            require_free(opened.grants.find(wanted.name), may_replace=wanted.replace)
            account = await self._account(wanted, own.account)
            grant = Grant(
                account=account,
                version=0,  # given by whoever saves it
                scopes=frozenset(account.scopes),
                granted_at=self._clock.now().wall,
                unattended=wanted.exchange,
            )
            return await self._adding.keep(grant, may_replace=wanted.replace)

    async def begun(self, wanted: Wanted, parent: AccountName) -> Added:
        """Add an account whose tokens begin with one of another account.

        Raises:
            BadRequestError: it would be made of itself.
            BrokerError: of the other account, and as for `Adding.add`.
        """
        self._vault.require_serving()
        async with self._one_at_a_time:
            _parent(self._vault.require_open(), wanted.name, parent)
            return await self._adding.add(wanted)

    async def _viewed(
        self, opened: Opened, grant: Grant, *, may_replace: bool
    ) -> Added:
        name, grants, tokens = grant.account.name, opened.grants, opened.tokens
        require_free(grants.find(name), may_replace=may_replace)
        token = await _tried(opened, grant)
        async with tokens.turn(name):
            require_free(grants.find(name), may_replace=may_replace)
            saved = await grants.signed_in(grant)
            tokens.forget(name)
        self._adding.arrivals.tell(saved)
        return Added(grant=saved, token=token)

    async def _account(self, wanted: ExchangeWanted, own: Account) -> Account:
        preset = None
        if wanted.token_endpoint is not None:
            issuer = bare_issuer(wanted.token_endpoint)
        elif wanted.issuer is not None:
            preset, issuer = await self._issuers.find(wanted.issuer, None)
        else:
            issuer = own.issuer
        client = _client(wanted, issuer, own)
        return Account(
            name=wanted.name,
            issuer=asked_with(client, issuer),
            client=client,
            preset=None if preset is None else preset.name,
            scopes=wanted.scopes,
            parameters=dict(wanted.parameters),
            resource=wanted.resource,
        )


def _parent(opened: Opened, name: AccountName, parent: AccountName) -> Grant:
    """The account whose issuer and client are meant by default.

    Raises:
        UnknownAccountError: there is none.
        BadRequestError: the new one would be made of itself.
    """
    grants = opened.grants
    grant = grants.get(parent)
    if parent == name or is_made_of(grants, parent, name):
        what = f"{parent!r} is made of {name!r}, or is it: that would turn in a circle"
        raise BadRequestError(what=what)
    return source(grants, grant)


async def _tried(opened: Opened, view: Grant) -> AccessToken:
    """One token through the view, which the other account gives."""
    scopes, resource = through(view, None, None)
    parent = view.unattended.parent if isinstance(view.unattended, View) else None
    if parent is None:
        raise TypeError("a view is of an account")
    key = opened.tokens.key(parent, scopes, resource)
    token = await opened.tokens.token(key, NO_MIN_TTL)
    refuse_wider(view, token)
    return token


def _client(wanted: ExchangeWanted, issuer: Issuer, own: Account) -> Client:
    """Who asks. The other account's client is shown to its own issuer alone."""
    client = wanted.client
    if client is not None:
        return proving(
            client,
            issuer,
            named=wanted.audience,
            secret_in_body=wanted.secret_in_body,
        )
    if issuer is own.issuer:
        return replace(own.client, registration=None)
    return Client(client_id="")
