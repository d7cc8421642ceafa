"""Which client signs in: a given one, a stored one, a document, or one that is made.

In that order, which is MCP's (2026-07-28, client registration). Knows no browser.
"""

from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from broker.model.account import Account, AccountName, RedirectChoice
from broker.model.client import Client
from broker.model.errors import (
    ClientDocumentError,
    ClientNeededError,
    ClientSecretsError,
)
from broker.model.grant import Grant
from broker.model.http import HttpRequest
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.text import safe_text
from broker.oauth.client_authentication import choose_authentication
from broker.oauth.client_document import (
    check_document_url,
    is_document_url,
    parse_client_document,
)
from broker.oauth.client_secrets import ClientSecrets
from broker.oauth.endpoints import is_loopback
from broker.oauth.registration import kept_redirect
from broker.services.interfaces import HttpSender
from broker.services.registering import Registered, Registering

_OK = 200


class ClientWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose client is looked for.

    Attributes:
        account: for whose login.
        issuer: where.
        preset: what is known of it, or None.
        secrets: a client_secret.json that the person named, or None.
        given: another client that the person named, or None.
        redirect: what the person named, or None.
        stored: of the account before, at whatever issuer, or None.
    """

    account: AccountName
    issuer: Issuer
    preset: IssuerPreset | None
    secrets: ClientSecrets | None
    given: Client | None
    redirect: RedirectChoice | None
    stored: Grant | None


class ClientChosen(msgspec.Struct, frozen=True, kw_only=True):
    """The client.

    Attributes:
        client: ready to prove itself.
        redirect: where this client's responses are awaited; None for wherever the
            person, or the account, says.
    """

    client: Client
    redirect: RedirectChoice | None = None


class Clients:
    """Chooses clients.

    Args:
        sender: the outbound door.
        registering: makes them.
        document: the URL of the person's client ID metadata document, or None.
    """

    def __init__(
        self, *, sender: HttpSender, registering: Registering, document: str | None
    ) -> None:
        self._sender = sender
        self._registering = registering
        self._document = document

    async def choose(self, wanted: ClientWanted) -> ClientChosen:
        """The client to sign in with.

        Raises:
            ClientNeededError: there is none, and the issuer registers none.
            ClientSecretsError: the client_secret.json is another issuer's, or a web
                client's that cannot be used here.
            ClientDocumentError: the document is none that an issuer could take.
            RegistrationRefusedError: the issuer registers none of our kind.
            IssuerInvalidError, IssuerMalformedError, IssuerOverloadedError,
            IssuerUnreachableError: of the issuer.
        """
        issuer = wanted.issuer
        if wanted.secrets is not None:
            return _of_file(wanted.secrets, wanted)
        if wanted.given is not None:
            return await self._given(wanted.given, wanted)
        stored = _stored_at(issuer, wanted.stored)
        if stored is not None and stored.account.client.registration is None:
            return ClientChosen(client=_proving(stored.account.client, issuer))
        old = None if stored is None else _registered(stored, wanted.redirect)
        if old is not None:
            again = await self._registering.again(old, issuer)
            if again is not None:
                return ClientChosen(client=again.client, redirect=again.redirect)
        if self._document is not None and issuer.client_id_metadata:
            return await self._documented(check_document_url(self._document), wanted)
        made = await self._registering.register(
            wanted.account, issuer, _preferred(wanted), instead_of=old
        )
        if made is None:
            raise ClientNeededError(account=wanted.account, missing="client")
        return ClientChosen(client=made.client, redirect=made.redirect)

    def came_to_nothing(self, account: Account) -> None:
        """Note that a login has failed: its client may be the reason."""
        self._registering.came_to_nothing(account.issuer, account.client)

    async def _given(self, client: Client, wanted: ClientWanted) -> ClientChosen:
        has_secret = client.client_secret is not None
        is_document = is_document_url(client.client_id) and not has_secret
        if is_document and wanted.issuer.client_id_metadata:
            return await self._documented(client.client_id, wanted)
        return ClientChosen(client=_proving(client, wanted.issuer))

    async def _documented(self, url: str, wanted: ClientWanted) -> ClientChosen:
        """The document, read as the issuer is going to read it: what it would refuse
        in the browser is told here.
        """
        request = HttpRequest(
            method="GET", url=url, headers={"Accept": "application/json"}
        )
        response = await self._sender.send(request)
        if response.status != _OK:
            what = f"its address answers with HTTP status {response.status}"
            raise ClientDocumentError(url=safe_text(url), what=what)
        redirect = parse_client_document(response.body, url=url)
        return ClientChosen(
            client=Client(client_id=url), redirect=wanted.redirect or redirect
        )


def _of_file(secrets: ClientSecrets, wanted: ClientWanted) -> ClientChosen:
    _require_own(secrets, wanted.issuer, wanted.preset)
    return ClientChosen(
        client=_proving(secrets.client, wanted.issuer),
        redirect=_registered_place(secrets, wanted.redirect),
    )


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


def _registered_place(
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


def _stored_at(issuer: Issuer, stored: Grant | None) -> Grant | None:
    """The grant before, if it is of this issuer: what one issuer has given is never
    shown to another.
    """
    is_own = stored is not None and stored.account.issuer.url == issuer.url
    return stored if is_own else None


def _registered(stored: Grant, redirect: RedirectChoice | None) -> Registered:
    account = stored.account
    kept = account.redirect
    return Registered(
        client=account.client,
        redirect=kept if redirect is None else kept_redirect(redirect, kept),
    )


def _preferred(wanted: ClientWanted) -> RedirectChoice:
    """What to register where the person chose nothing: what the issuer is known for."""
    choice, preset = wanted.redirect or RedirectChoice(), wanted.preset
    if preset is None or choice.uri is not None:
        return choice
    return replace(
        choice,
        host=choice.host or preset.redirect_host,
        port=choice.port or preset.redirect_port or 0,
    )


def _proving(client: Client, issuer: Issuer) -> Client:
    authentication = choose_authentication(
        issuer.authentication_methods, has_secret=client.client_secret is not None
    )
    return replace(client, authentication=authentication)
