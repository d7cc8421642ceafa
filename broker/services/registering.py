"""Clients that the broker registers itself, at a login and never behind one's back.

Dynamic registration (RFC 7591), looked at and ended as RFC 7592 has it. Knows no
account's grant.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from broker.model.account import Account, AccountName, RedirectChoice
from broker.model.client import Client, Registration
from broker.model.errors import BrokerError
from broker.model.grant import Grant
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer
from broker.model.time import Seconds
from broker.oauth.registration import (
    PORT_BYTES,
    deletion_request,
    fixed_redirect,
    is_deleted,
    is_forgotten,
    kept_redirect,
    look_request,
    parse_registration,
    redirect_uris,
    registration_request,
    serves,
)
from broker.services.interfaces import Clock, HttpSender
from broker.services.waits import first

log = logging.getLogger(__name__)

LOOSE_REGISTRATIONS = 64
"""Remembered at most; the oldest are forgotten first, and stay at their issuers."""

CLOSING_DEADLINE = Seconds(5)
"""For all deletions together when the daemon ends: they are a courtesy."""

_OK = 200


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A registered client, and where its responses are awaited."""

    client: Client
    redirect: RedirectChoice


class _Loose(msgspec.Struct, frozen=True, kw_only=True):
    """A registration that no account may need: made for a login that has not ended
    well yet, or one that such a login is to replace.
    """

    account: AccountName
    issuer: str
    registered: Registered


class Registering:
    """Registers clients, and deletes those that came to nothing.

    A login that fails is mostly tried again: its client is kept for that, and deleted
    when the daemon ends without an account that uses it.
    """

    def __init__(
        self,
        *,
        sender: HttpSender,
        clock: Clock,
        random: Callable[[int], bytes],
        version: str,
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._random = random
        self._version = version
        self._loose: list[_Loose] = []
        self._suspected: set[tuple[str, str]] = set()
        self._turn = asyncio.Lock()

    def came_to_nothing(self, issuer: Issuer, client: Client) -> None:
        """Note that a login with this client has failed, for whatever reason."""
        self._suspected.add((issuer.url, client.client_id))

    def let_go(self, account: Account) -> None:
        """Forget the client of an account that goes: whoever ends that ends it, too."""
        own = (account.name, account.issuer.url, account.client.client_id)
        self._loose = [
            one
            for one in self._loose
            if (one.account, one.issuer, one.registered.client.client_id) != own
        ]

    async def again(self, registered: Registered, issuer: Issuer) -> Registered | None:
        """The client of an earlier login, if it still serves; None if it does not.

        It is looked at where the issuer has a place for that. Where it has none, a
        login that came to nothing is all that can tell: the issuer shows only the
        browser that it has forgotten a client.

        Args:
            registered: the client, and where its responses are awaited now.
            issuer: where it is registered.

        Raises:
            IssuerUnreachableError, IssuerMalformedError: the issuer cannot be asked,
                so that no login could be made there.
        """
        client = registered.client
        kept = client.registration or Registration()
        if not serves(kept, registered.redirect, self._clock.now().wall):
            return None
        look = look_request(kept)
        if look is None:
            is_suspected = (issuer.url, client.client_id) in self._suspected
            return None if is_suspected else registered
        response = await self._sender.send(look)
        if is_forgotten(response):
            log.warning("client.forgotten issuer=%s", issuer.url)
            return None
        fresh = replace(registered, client=_renewed(client, kept, issuer, response))
        is_good = serves(
            fresh.client.registration or kept,
            fresh.redirect,
            self._clock.now().wall,
        )
        return fresh if is_good else None

    async def register(
        self,
        account: AccountName,
        issuer: Issuer,
        choice: RedirectChoice,
        *,
        instead_of: Registered | None = None,
    ) -> Registered | None:
        """A client of our own at `issuer`; None where it has no place to register.

        Args:
            account: for whose login.
            issuer: where.
            choice: where the response is to be awaited, as far as the person said.
            instead_of: the client that it is to replace, or None.

        Raises:
            RegistrationRefusedError: the issuer registers none of this kind.
            IssuerInvalidError, IssuerMalformedError, IssuerOverloadedError,
            IssuerUnreachableError: of the issuer.
        """
        if issuer.registration_endpoint is None:
            return None
        # In turn: of two that begin at once, the second finds the client of the first.
        async with self._turn:
            unproven = self._unproven(account, issuer, choice, instead_of)
            if unproven is not None:
                return unproven
            made = await self._made(issuer, issuer.registration_endpoint, choice)
            for each in (instead_of, made):
                if each is not None:
                    self._remember(account, issuer, each)
        log.info("client.registered account=%s issuer=%s", account, issuer.url)
        return made

    async def _made(
        self, issuer: Issuer, endpoint: str, choice: RedirectChoice
    ) -> Registered:
        redirect = fixed_redirect(choice, self._random(PORT_BYTES))
        uris = redirect_uris(redirect)
        request = registration_request(
            endpoint=endpoint, issuer=issuer, uris=uris, version=self._version
        )
        response = await self._sender.send(request)
        client = parse_registration(response, issuer=issuer, uris=uris)
        return Registered(client=client, redirect=redirect)

    async def delete(self, client: Client) -> bool:
        """End a registration at its issuer; whether it is gone. Never raises.

        False also where the issuer has no place for that: an orphan then stays.
        """
        request = deletion_request(client.registration or Registration())
        if request is None:
            return False
        try:
            return is_deleted(await self._sender.send(request))
        except BrokerError as exc:
            log.info("client.delete.failed code=%s", exc.code)
            return False

    async def close(self, find: Callable[[AccountName], Grant | None]) -> None:
        """Delete what no account uses, within a few seconds.

        Args:
            find: an account's grant; a store that is locked keeps everything.
        """
        try:
            unused = [one for one in self._loose if not _is_used(one, find)]
        except BrokerError:
            return
        self._loose = []
        done = asyncio.Event()
        deleting = asyncio.create_task(
            self._delete_all(unused, done), name="delete registrations"
        )
        await first(done, self._clock, CLOSING_DEADLINE)
        deleting.cancel()
        await asyncio.gather(deleting, return_exceptions=True)

    async def _delete_all(self, unused: list[_Loose], done: asyncio.Event) -> None:
        try:
            await asyncio.gather(
                *(self.delete(one.registered.client) for one in unused)
            )
        finally:
            done.set()

    def _unproven(
        self,
        account: AccountName,
        issuer: Issuer,
        choice: RedirectChoice,
        instead_of: Registered | None,
    ) -> Registered | None:
        """The client of a login of this account that came to nothing, if it serves."""
        now = self._clock.now().wall
        for one in reversed(self._loose):
            kept = one.registered
            redirect = kept_redirect(choice, kept.redirect)
            if (one.account, one.issuer) != (account, issuer.url) or kept == instead_of:
                continue
            if serves(kept.client.registration or Registration(), redirect, now):
                return replace(kept, redirect=redirect)
        return None

    def _remember(
        self, account: AccountName, issuer: Issuer, registered: Registered
    ) -> None:
        loose = _Loose(account=account, issuer=issuer.url, registered=registered)
        self._loose = [*self._loose, loose][-LOOSE_REGISTRATIONS:]


def _is_used(one: _Loose, find: Callable[[AccountName], Grant | None]) -> bool:
    grant = find(one.account)
    if grant is None:
        return False
    account = grant.account
    own = (account.issuer.url, account.client.client_id)
    return own == (one.issuer, one.registered.client.client_id)


def _renewed(
    client: Client, kept: Registration, issuer: Issuer, response: HttpResponse
) -> Client:
    """The client as the issuer shows it now, perhaps with new secrets (RFC 7592
    section 3); as it was, where the answer is none.
    """
    if response.status != _OK:
        return client
    try:
        shown = parse_registration(response, issuer=issuer, uris=kept.redirect_uris)
    except BrokerError as exc:
        log.info("client.look.failed issuer=%s code=%s", issuer.url, exc.code)
        return client
    if shown.client_id != client.client_id or shown.registration is None:
        return client
    registration = replace(
        shown.registration,
        uri=shown.registration.uri or kept.uri,
        access_token=shown.registration.access_token or kept.access_token,
    )
    return replace(shown, registration=registration)
