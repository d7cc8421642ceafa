"""What a sign-in needs: issuer, client, scopes, from the request and what is stored.

Knows no browser and no listener.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from broker.model.account import Account, AccountName, RedirectChoice
from broker.model.client import Client
from broker.model.errors import (
    AccountExistsError,
    ClientNeededError,
    DpopUnsupportedError,
    IssuerInvalidError,
)
from broker.model.grant import Grant
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.secret import Secret
from broker.model.veiled import Veiled
from broker.model.way import Way
from broker.oauth.client_secrets import ClientSecrets, parse_client_secrets
from broker.oauth.dpop import ALGORITHM
from broker.oauth.presets import require_way
from broker.services.clients import ClientChosen, Clients, ClientWanted
from broker.services.interfaces import HttpSender
from broker.services.issuers import Issuers, require_pinned
from broker.services.resources import ResourceFound, Resources


class SignInRequest(Veiled, frozen=True, kw_only=True):
    """What a person typed after `brokerctl login`. What is None is taken as stored.

    Attributes:
        account: the name.
        issuer: an issuer URL or the name of a preset.
        client: given by id and secret.
        client_secrets: the text of a client_secret.json, secret as a whole.
        scopes: to ask for.
        add_scopes: to ask for besides those that are asked for or granted already.
        parameters: extra parameters of the authorization request.
        login_hint: who is expected.
        redirect: where the response is awaited.
        redirect_named: which members of `redirect` were named; those that were not are
            taken as stored where the sign-in is repeated.
        dpop: whether tokens are to be bound to a key of the broker (RFC 9449).
        mcp: the URL of an MCP server, which says issuer and scopes.
        resource: the only one that the tokens are to be for (RFC 8707).
        accept_issuer: whether the issuer's endpoints may be at other hosts than before.
    """

    veiled = frozenset({"parameters"})

    account: AccountName
    issuer: str | None = None
    client: Client | None = None
    client_secrets: Secret | None = None
    scopes: tuple[str, ...] | None = None
    add_scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] | None = None
    login_hint: str | None = None
    redirect: RedirectChoice | None = None
    redirect_named: frozenset[str] = frozenset()
    dpop: bool | None = None
    mcp: str | None = None
    resource: str | None = None
    accept_issuer: bool = False


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that is ready to begin."""

    account: Account
    preset: IssuerPreset | None
    is_first: bool
    """Whether the account has no earlier grant at this issuer and client."""

    def without_secret(self) -> "SignIn":
        """The same, for a login that has ended."""
        client = replace(self.account.client, client_secret=None, registration=None)
        return replace(self, account=replace(self.account, client=client))


class SignIns:
    """Completes sign-in requests."""

    def __init__(
        self,
        *,
        presets: Mapping[str, IssuerPreset],
        sender: HttpSender,
        clients: Clients,
    ) -> None:
        self._issuers = Issuers(presets=presets, sender=sender)
        self._resources = Resources(sender)
        self._clients = clients

    async def complete(
        self,
        request: SignInRequest,
        stored: Grant | None,
        way: Way | None = Way.LOOPBACK,
    ) -> SignIn:
        """All that is needed, or an error that says what is missing.

        Args:
            request: what the person typed.
            stored: the account's grant, or None for a new account.
            way: how the person is to sign in; None where nobody is to.

        Raises:
            AccountExistsError: it is one without a person.
            WayRefusedError: the issuer is known to refuse this way.
            ClientNeededError: no issuer or no client is known.
            ClientSecretsError: the client_secret.json is not one, or another's.
            IssuerMovedError: the issuer's endpoints are at other hosts than before.
            DpopUnsupportedError: bound tokens are wanted, and not to be had.
            ResourceInvalidError, IssuerNeededError: of an MCP server.
            BrokerError: of the discovery, and of a registration.
        """
        if stored is not None and stored.unattended is not None:
            raise AccountExistsError(account=request.account)
        old = stored.account if stored else None
        request = replace(request, redirect=_whole_redirect(request, old))
        secrets = _client_secrets(request)
        found = await self._found(request)
        preset, issuer = await self._issuer(request, secrets, old, found, way)
        is_shipped = preset is not None and preset.pinned is not None
        if old is not None and not is_shipped and not request.accept_issuer:
            require_pinned(old.issuer, issuer)
        chosen = await self._clients.choose(
            ClientWanted(
                account=request.account,
                issuer=issuer,
                preset=preset,
                secrets=secrets,
                given=request.client,
                redirect=request.redirect,
                stored=stored,
            )
        )
        return _signing_in(request, stored, _Found(preset, issuer, chosen, found))

    def came_to_nothing(self, sign_in: SignIn) -> None:
        """Note that a login has failed."""
        self._clients.came_to_nothing(sign_in.account)

    async def _found(self, request: SignInRequest) -> ResourceFound | None:
        if request.mcp is None:
            return None
        issuer = request.issuer
        return await self._resources.find(
            request.mcp,
            account=request.account,
            issuer=None if issuer is None else self._issuers.url_of(issuer),
        )

    def issuer_of(self, endpoint: str) -> str:
        """Who a token endpoint is of, see `Issuers.of_endpoint`."""
        return self._issuers.of_endpoint(endpoint)

    async def _issuer(
        self,
        request: SignInRequest,
        secrets: ClientSecrets | None,
        old: Account | None,
        found: ResourceFound | None,
        way: Way | None,
    ) -> tuple[IssuerPreset | None, Issuer]:
        if found is not None:
            preset, issuer = await self._issuers.find(found.issuer, way, for_mcp=True)
            # MCP, authorization code protection: who does not say so has no PKCE.
            if issuer.code_challenge_methods is None:
                what = "does not say that it takes PKCE, without which MCP is not safe"
                raise IssuerInvalidError(issuer=issuer.url, what=what)
            return preset, issuer
        if request.issuer is not None:
            return await self._issuers.find(request.issuer, way)
        if secrets is not None:
            known = self._issuers.preset_of(secrets.authorization_endpoint)
            if known is not None:
                return await self._issuers.find(known.name, way)
        if old is not None:
            preset = self._issuers.preset(old.preset)
            require_way(preset, way)
            return preset, old.issuer
        raise ClientNeededError(account=request.account, missing="issuer")


class _Found(NamedTuple):
    """What a request came to."""

    preset: IssuerPreset | None
    issuer: Issuer
    chosen: ClientChosen
    resource: ResourceFound | None


def _signing_in(request: SignInRequest, stored: Grant | None, found: _Found) -> SignIn:
    """A sign-in of what was named, found and stored.

    Raises:
        DpopUnsupportedError: see `_require_dpop`.
    """
    preset, issuer, chosen, _ = found
    old = stored.account if stored else None
    resource = _resource(old, issuer, found.resource)
    # Another client than before may only be one that was registered anew.
    names_client = request.client is not None or request.client_secrets is not None
    own = chosen.client if old is None or names_client else old.client
    # A repeated sign-in keeps what is not named; with another issuer, client or
    # resource it is another sign-in, and nothing of the old one is meant.
    is_repeated = old is not None and _is_same(old, issuer, own, resource)
    account = old if old is not None and is_repeated else _fresh(request, old, found)
    account = replace(
        _named(request, account, stored if is_repeated else None),
        issuer=issuer,
        client=chosen.client,
        preset=preset.name if preset else None,
    )
    if chosen.redirect is not None:
        account = replace(account, redirect=chosen.redirect)
    _require_dpop(account)
    is_first = old is None or not _is_same(old, issuer, chosen.client, account.resource)
    return SignIn(account=account, preset=preset, is_first=is_first)


def _fresh(request: SignInRequest, old: Account | None, found: _Found) -> Account:
    """An account of which nothing is kept."""
    preset, issuer, chosen, _ = found
    resource = _resource(old, issuer, found.resource)
    return Account(
        name=request.account,
        issuer=issuer,
        client=chosen.client,
        scopes=_scopes(old, issuer, preset, resource, found.resource),
        dpop=preset is not None and preset.dpop,
        resource=resource,
    )


def _client_secrets(request: SignInRequest) -> ClientSecrets | None:
    if request.client_secrets is None:
        return None
    return parse_client_secrets(request.client_secrets.reveal())


def _is_same(
    old: Account, issuer: Issuer, client: Client, resource: str | None
) -> bool:
    own = (old.issuer.url, old.client.client_id, old.resource)
    return own == (issuer.url, client.client_id, resource)


def _resource(
    old: Account | None, issuer: Issuer, found: ResourceFound | None
) -> str | None:
    """The one resource of the account: a sign-in that is bound to one stays so."""
    if found is not None:
        return found.resource
    return old.resource if old is not None and old.issuer.url == issuer.url else None


def _scopes(
    old: Account | None,
    issuer: Issuer,
    preset: IssuerPreset | None,
    resource: str | None,
    found: ResourceFound | None,
) -> tuple[str, ...]:
    """What is asked for where the person names nothing."""
    if found is not None:
        wanted = found.scopes or ()
        # Without it many an issuer gives no refresh token; alone it would be all that
        # is asked for, where leaving `scope` out asks for the usual.
        is_known = "offline_access" in issuer.scopes_supported
        more = ("offline_access",) if wanted and is_known else ()
        return tuple(dict.fromkeys((*wanted, *more)))
    if old is not None and resource is not None:
        return old.scopes
    return preset.default_scopes if preset else ()


_PLACE = frozenset({"host", "port"})


def _whole_redirect(
    request: SignInRequest, old: Account | None
) -> RedirectChoice | None:
    """What was named of the redirect, on top of what a repeated sign-in has."""
    named = request.redirect_named
    issuer_or_client = (request.issuer, request.client, request.client_secrets)
    is_repeated = all(one is None for one in (*issuer_or_client, request.mcp))
    if old is None or request.redirect is None or not named or not is_repeated:
        return request.redirect
    kept = old.redirect
    # A whole URI says host and port itself, and they say what the URI would.
    if "uri" in named:
        kept = replace(kept, host=None, port=0)
    elif named & _PLACE:
        kept = replace(kept, uri=None)
    changed: dict[str, Any] = {n: getattr(request.redirect, n) for n in named}
    return replace(kept, **changed)


def _named(request: SignInRequest, account: Account, kept: Grant | None) -> Account:
    """`account` with all that the person named this time.

    Args:
        request: what was named.
        account: what is asked for where nothing is named.
        kept: the grant that the sign-in repeats, or None where it is another sign-in.
    """
    hint, redirect = request.login_hint, request.redirect
    return replace(
        account,
        scopes=_wanted_scopes(request, account, kept),
        parameters=account.parameters
        if request.parameters is None
        else dict(request.parameters),
        login_hint=account.login_hint if hint is None else hint,
        redirect=account.redirect if redirect is None else redirect,
        dpop=account.dpop if request.dpop is None else request.dpop,
        resource=account.resource if request.resource is None else request.resource,
    )


def _wanted_scopes(
    request: SignInRequest, account: Account, kept: Grant | None
) -> tuple[str, ...]:
    """What is to be asked for: one grant, with the union where scopes are added."""
    scopes = account.scopes if request.scopes is None else request.scopes
    if not request.add_scopes:
        return scopes
    granted = sorted(kept.scopes) if kept is not None else ()
    return tuple(dict.fromkeys((*scopes, *granted, *request.add_scopes)))


def _require_dpop(account: Account) -> None:
    """See that bound tokens are to be had, where they are wanted.

    An issuer that knows nothing of DPoP would pass over the proof, and give a Bearer
    token for a code that is spent then.

    Raises:
        DpopUnsupportedError: the issuer does not say that it takes our proofs.
    """
    issuer = account.issuer
    if account.dpop and ALGORITHM not in issuer.dpop_algorithms:
        raise DpopUnsupportedError(issuer=issuer.url, offered=issuer.dpop_algorithms)
