"""What a sign-in needs: issuer, client, scopes, from the request and what is stored.

Knows no browser and no listener.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from broker.model.account import Account, AccountName, RedirectChoice
from broker.model.client import Client
from broker.model.errors import (
    ClientNeededError,
    ClientSecretsError,
    DpopUnsupportedError,
)
from broker.model.grant import Grant
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.secret import Secret
from broker.model.way import Way
from broker.oauth.client_authentication import choose_authentication
from broker.oauth.client_secrets import ClientSecrets, parse_client_secrets
from broker.oauth.dpop import ALGORITHM
from broker.oauth.endpoints import is_loopback
from broker.oauth.presets import require_way
from broker.services.interfaces import HttpSender
from broker.services.issuers import Issuers


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequest:
    """What a person typed after `brokerctl login`. What is None is taken as stored.

    Attributes:
        account: the name.
        issuer: an issuer URL or the name of a preset.
        client: given by id and secret.
        client_secrets: the text of a client_secret.json, secret as a whole.
        scopes: to ask for.
        parameters: extra parameters of the authorization request.
        login_hint: who is expected.
        redirect: where the response is awaited.
        dpop: whether tokens are to be bound to a key of the broker (RFC 9449).
    """

    account: AccountName
    issuer: str | None = None
    client: Client | None = None
    client_secrets: Secret | None = None
    scopes: tuple[str, ...] | None = None
    parameters: Mapping[str, str] | None = field(default=None, repr=False)
    login_hint: str | None = None
    redirect: RedirectChoice | None = None
    dpop: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A sign-in that is ready to begin."""

    account: Account
    preset: IssuerPreset | None
    is_first: bool
    """Whether the account has no earlier grant at this issuer and client."""

    def without_secret(self) -> "SignIn":
        """The same, for a login that has ended."""
        client = replace(self.account.client, client_secret=None)
        return replace(self, account=replace(self.account, client=client))


class SignIns:
    """Completes sign-in requests."""

    def __init__(
        self, *, presets: Mapping[str, IssuerPreset], sender: HttpSender
    ) -> None:
        self._issuers = Issuers(presets=presets, sender=sender)

    async def complete(
        self, request: SignInRequest, stored: Grant | None, way: Way = Way.LOOPBACK
    ) -> SignIn:
        """All that is needed, or an error that says what is missing.

        Args:
            request: what the person typed.
            stored: the account's grant, or None for a new account.
            way: how the person is to sign in.

        Raises:
            WayRefusedError: the issuer is known to refuse this way.
            ClientNeededError: no issuer or no client is known.
            ClientSecretsError: the client_secret.json is not one, or another's.
            IssuerInvalidError, IssuerMismatchError, IssuerMalformedError,
            IssuerUnreachableError, IssuerOverloadedError: of the discovery.
            DpopUnsupportedError: bound tokens are wanted, and not to be had.
        """
        old = stored.account if stored else None
        secrets = _client_secrets(request)
        if old is None and secrets is None and request.client is None:
            missing = "issuer" if request.issuer is None else "client"
            raise ClientNeededError(account=request.account, missing=missing)
        preset, issuer = await self._issuer(request, secrets, old, way)
        if secrets is not None:
            _require_own(secrets, issuer, preset)
        client = self._client(request, secrets, old, issuer)
        # A repeated sign-in keeps what is not named; with another issuer or client
        # it is another sign-in, and nothing of the old one is meant.
        is_first = old is None or not _is_same(old, issuer, client)
        account = Account(
            name=request.account,
            issuer=issuer,
            client=client,
            preset=preset.name if preset else None,
            scopes=preset.default_scopes if preset else (),
            dpop=preset is not None and preset.dpop,
        )
        if old is not None and not is_first:
            account = replace(old, issuer=issuer, client=client, preset=account.preset)
        if secrets is not None:
            account = replace(account, redirect=_registered(secrets, request.redirect))
        account = _named(request, account)
        _require_dpop(account)
        return SignIn(account=account, preset=preset, is_first=is_first)

    async def _issuer(
        self,
        request: SignInRequest,
        secrets: ClientSecrets | None,
        old: Account | None,
        way: Way,
    ) -> tuple[IssuerPreset | None, Issuer]:
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

    def _client(
        self,
        request: SignInRequest,
        secrets: ClientSecrets | None,
        old: Account | None,
        issuer: Issuer,
    ) -> Client:
        client = request.client or (secrets.client if secrets else None)
        if client is None and old is not None and old.issuer.url == issuer.url:
            client = old.client
        if client is None:
            raise ClientNeededError(account=request.account, missing="client")
        authentication = choose_authentication(
            issuer.authentication_methods, has_secret=client.client_secret is not None
        )
        return replace(client, authentication=authentication)


def _client_secrets(request: SignInRequest) -> ClientSecrets | None:
    if request.client_secrets is None:
        return None
    return parse_client_secrets(request.client_secrets.reveal())


def _require_own(
    secrets: ClientSecrets, issuer: Issuer, preset: IssuerPreset | None
) -> None:
    """See that the file is of this issuer, before its secret goes there.

    Raises:
        ClientSecretsError: its token endpoint is somebody else's.
    """
    own, named = urlsplit(issuer.token_endpoint), urlsplit(secrets.token_endpoint)
    hosts = preset.hosts if preset else ()
    if own.netloc != named.netloc and named.hostname not in hosts:
        raise ClientSecretsError(
            what=f"it belongs to {named.netloc}, and not to {issuer.url}"
        )


def _registered(
    secrets: ClientSecrets, chosen: RedirectChoice | None
) -> RedirectChoice:
    """Any port of loopback for an installed client; a web client's own address.

    A web client may be sent back only to an address that is registered, to the
    letter (Google calls everything else redirect_uri_mismatch).

    Raises:
        ClientSecretsError: none of a web client's addresses is on this machine, and
            the person has chosen none.
    """
    if secrets.kind == "installed" or chosen is not None:
        return chosen or RedirectChoice()
    for uri in secrets.redirect_uris:
        parts = urlsplit(uri)
        if parts.scheme == "http" and is_loopback(parts.hostname or ""):
            return RedirectChoice(uri=uri)
    raise ClientSecretsError(
        what="it is a web client, and none of its redirect URIs is on this machine, "
        "such as http://127.0.0.1:8080/"
    )


def _is_same(old: Account, issuer: Issuer, client: Client) -> bool:
    return old.issuer.url == issuer.url and old.client.client_id == client.client_id


def _named(request: SignInRequest, account: Account) -> Account:
    """`account` with all that the person named this time."""
    hint, redirect = request.login_hint, request.redirect
    return replace(
        account,
        scopes=account.scopes if request.scopes is None else request.scopes,
        parameters=account.parameters
        if request.parameters is None
        else dict(request.parameters),
        login_hint=account.login_hint if hint is None else hint,
        redirect=account.redirect if redirect is None else redirect,
        dpop=account.dpop if request.dpop is None else request.dpop,
    )


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
