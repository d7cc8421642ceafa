"""Makes accounts without a person: looked at, tried with one token, then saved.

Knows no kind of them but by what is wanted of each; the kinds are in
`model.unattended`, and what makes their tokens in `minters`.
"""

from collections.abc import Mapping
from functools import partial

import msgspec
from msgspec.structs import replace

from broker.model.account import Account, AccountName
from broker.model.client import Client
from broker.model.grant import Grant
from broker.model.issuer import Issuer
from broker.model.token import AccessToken
from broker.model.unattended import Unattended
from broker.model.veiled import Veiled
from broker.oauth.unattended_client import (
    asked_with,
    at_issuer,
    audience_at,
    proving,
)
from broker.services.arrivals import Arrivals, Arrived, require_free
from broker.services.events import Events
from broker.services.instead import require_life
from broker.services.interfaces import Clock
from broker.services.issuers import Issuers
from broker.services.opened import Opened
from broker.services.token_cache import TokenKey
from broker.services.vault import Vault


class Wanted(Veiled, frozen=True, kw_only=True):
    """An account that is to be made.

    Attributes:
        name: what it is to be called.
        issuer: a preset's name or an issuer URL; or all that is needed of it, where
            nobody has to be asked for that.
        secret_in_body: whether the secret must not be in the header, whatever the
            issuer says.
        client: who asks there; how it proves itself is found out here.
        unattended: how it comes to its tokens.
        scopes: to ask for, in the person's order; empty for what the issuer gives.
        resource: the only one that its tokens are for (RFC 8707), or None for any.
        parameters: more of the token request.
        audience: for whom its JWTs are: a URL, or `TOKEN_ENDPOINT` for the place that
            they are sent to; None for the issuer's own URL.
        replace: whether it may take the place of another account without a person.
    """

    veiled = frozenset({"parameters"})

    name: AccountName
    issuer: str | Issuer
    client: Client
    unattended: Unattended
    secret_in_body: bool = False
    scopes: tuple[str, ...] = ()
    resource: str | None = None
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)
    audience: str | None = None
    replace: bool = False


class Added(Arrived, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        token: the first, which is at hand now.
    """

    token: AccessToken


class Adding:
    """Makes them.

    Attributes:
        arrivals: keeps and tells of them.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        issuers: Issuers,
        clock: Clock,
        events: Events,
    ) -> None:
        self._vault = vault
        self._issuers = issuers
        self._clock = clock
        self.arrivals = Arrivals(vault=vault, clock=clock, events=events)

    async def add(self, wanted: Wanted) -> Added:
        """Find the issuer, try for one token, and save the account.

        Raises:
            AccountExistsError: the name is taken, and may not be.
            BrokerError: of the discovery, of the issuer, of the store; nothing is kept.
        """
        self._vault.require_serving()
        require_free(self._vault.find(wanted.name), may_replace=wanted.replace)
        account = await self._account(wanted)
        audience = audience_at(account.issuer, wanted.audience)
        grant = Grant(
            account=account,
            version=0,  # given by whoever saves it
            scopes=frozenset(account.scopes),
            granted_at=self._clock.now().wall,
            unattended=at_issuer(wanted.unattended, audience),
        )
        return await self.keep(grant, may_replace=wanted.replace)

    async def keep(self, grant: Grant, *, may_replace: bool) -> Added:
        """Try for one token with `grant`, which is whole, and save it.

        Raises:
            AccountExistsError, BrokerError: see `add`.
        """
        return await self.arrivals.kept(
            partial(self._in_turn, grant=grant, may_replace=may_replace)
        )

    async def _account(self, wanted: Wanted) -> Account:
        client, found, preset = wanted.client, wanted.issuer, None
        if isinstance(found, Issuer):
            issuer = found
        else:
            preset, issuer = await self._issuers.find(found, None, attended=False)
        client = proving(
            client,
            issuer,
            named=wanted.audience,
            secret_in_body=wanted.secret_in_body,
        )
        return _account(
            wanted,
            asked_with(client, issuer),
            client,
            None if preset is None else preset.name,
        )

    async def _in_turn(
        self, opened: Opened, *, grant: Grant, may_replace: bool
    ) -> Added:
        name, tokens = grant.account.name, opened.tokens
        # In turn: two that make the same account at once are one after the other.
        async with tokens.turn(name):
            require_free(opened.grants.find(name), may_replace=may_replace)
            whole = TokenKey(account=name, scopes=None, resource=None)
            token = await self._tried(opened, whole, grant)
            saved = await opened.grants.signed_in(replace(grant, scopes=token.scopes))
            tokens.forget(name)
            tokens.remember(whole, token)
        return Added(grant=saved, token=token, notes=_notes(saved.account.client))

    async def _tried(self, opened: Opened, key: TokenKey, grant: Grant) -> AccessToken:
        """One token, past the back-off: a person waits who has just mended something.

        Nothing is told of it: of an account that is not to be, nothing is news.
        """
        if grant.unattended is None:
            raise TypeError("a sign-in is tried with its refresh token")
        token = await opened.tokens.minters.of(grant.unattended).mint(grant, key)
        require_life(token, grant, self._clock.now())
        return token


def _account(
    wanted: Wanted, issuer: Issuer, client: Client, preset: str | None
) -> Account:
    return Account(
        name=wanted.name,
        issuer=issuer,
        client=client,
        preset=preset,
        scopes=wanted.scopes,
        parameters=dict(wanted.parameters),
        resource=wanted.resource,
    )


def _notes(client: Client) -> tuple[str, ...]:
    if client.certificate is None:
        return ()
    # Nothing in the answer says so, unlike with DPoP; issuer and API know.
    note = (
        "its tokens may be bound to the certificate (RFC 8705): an API then takes them "
        "only of a program that shows the same one"
    )
    return (note,)
