"""Takes a sign-in over that another tool has made, with one refresh to try it.

Knows no other tool and no file: whoever asks has read them.
"""

import logging
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.client import Client
from broker.model.errors import (
    AccountExistsError,
    BrokerError,
    ImportRefusedError,
    IssuerMismatchError,
    LoginRequiredError,
    RefreshRefusedError,
)
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import Instant
from broker.model.token import AccessToken
from broker.services.events import Events
from broker.services.grants import Grants
from broker.services.interfaces import Clock, HttpSender
from broker.services.opened import Opened
from broker.services.refresh import Refresher
from broker.services.sign_in import SignIn, SignInRequest, SignIns
from broker.services.skew import Skews
from broker.services.store_findings import new_store_note
from broker.services.token_cache import TokenCache, TokenKey
from broker.services.token_endpoint import TokenEndpoint
from broker.services.vault import Vault

log = logging.getLogger(__name__)

_OF_NO_USE = (
    "the issuer gave a new refresh token, which is kept, and beside it an access token "
    "that is of no use: try `brokerctl token`"
)


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in as another tool had it.

    Attributes:
        account: what it is to be called here.
        issuer: a preset's name or an issuer URL; None to go by `token_endpoint`.
        token_endpoint: where the tool renewed it, or None.
        client: the registration that it was given to.
        refresh_token: or None, where `access_token` is all that the issuer gives.
        access_token: one that does not expire.
        scopes: those that were granted; empty where the tool does not know.
        mcp: the URL of the MCP server that it is for, which says issuer and resource.
    """

    account: AccountName
    issuer: str | None
    token_endpoint: str | None
    client: Client
    refresh_token: Secret | None
    access_token: Secret | None
    scopes: tuple[str, ...]
    mcp: str | None = None


class TakenOver(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        grant: as it is saved.
        is_rotated: whether the issuer gave another refresh token, so that the tool's
            copy is void.
        notes: what the person should know, a sentence each.
    """

    grant: Grant
    is_rotated: bool
    notes: tuple[str, ...]


class MovingIn:
    """Makes accounts of sign-ins that are there already."""

    def __init__(
        self,
        *,
        vault: Vault,
        sign_ins: SignIns,
        sender: HttpSender,
        clock: Clock,
        events: Events,
    ) -> None:
        self._vault = vault
        self._sign_ins = sign_ins
        self._sender = sender
        self._clock = clock
        self._events = events

    async def take_over(self, foreign: Foreign) -> TakenOver:
        """Save it and try it; where the issuer refuses, nothing is kept.

        Raises:
            AccountExistsError: the name is taken.
            ImportRefusedError: the issuer refuses it, or it is another issuer's.
            BrokerError: of the discovery, the store, or the way to the issuer; nothing
                is kept either.
        """
        self._vault.require_serving()
        if self._vault.find(foreign.account) is not None:
            raise AccountExistsError(account=foreign.account)
        sign_in = await self._completed(self._request(foreign))
        _require_own(foreign, sign_in)
        source = await self._vault.open_for_grant()
        async with self._vault.held_open() as opened:
            taken = await self._in_turn(opened, foreign, sign_in)
        self._tell(taken.grant)
        if source is None:
            return taken
        return replace(taken, notes=(new_store_note(source), *taken.notes))

    async def _completed(self, request: SignInRequest) -> SignIn:
        try:
            return await self._sign_ins.complete(request, None, None)
        except IssuerMismatchError:
            # oidc-agent puts a slash behind every issuer, those that have none, too.
            bare = (request.issuer or "").removesuffix("/")
            if bare == request.issuer:
                raise
            return await self._sign_ins.complete(
                replace(request, issuer=bare), None, None
            )

    def _request(self, foreign: Foreign) -> SignInRequest:
        issuer, endpoint = foreign.issuer, foreign.token_endpoint
        if issuer is None and endpoint is not None:
            issuer = self._sign_ins.issuer_of(endpoint)
        return SignInRequest(
            account=foreign.account,
            issuer=issuer,
            client=foreign.client,
            scopes=foreign.scopes,
            mcp=foreign.mcp,
        )

    async def _in_turn(
        self, opened: Opened, foreign: Foreign, sign_in: SignIn
    ) -> TakenOver:
        name = foreign.account
        # In turn: whoever asks for a token meanwhile must not spend it a second time.
        async with opened.tokens.turn(name):
            if opened.grants.find(name) is not None:
                raise AccountExistsError(account=name)
            grant = _grant(foreign, sign_in, self._clock.now())
            # Saved before it is sent: an answer that is lost with this process may
            # have brought the next refresh token.
            saved = await opened.grants.signed_in(grant)
            token, fault = None, None
            try:
                token = await self._tried(opened, saved)
            except BrokerError as exc:
                tried = await opened.grants.reload(name)
                if not _is_rotated(tried, foreign):
                    await opened.grants.forget(tried)
                    raise _refused(exc, sign_in) from exc
                # To forget it would lose the sign-in for both: the tool's copy is void.
                fault = _OF_NO_USE
            taken = await _with_its_scopes(opened.grants, name)
            if token is not None:
                opened.tokens.remember(_whole(name), token)
        return TakenOver(
            grant=taken,
            is_rotated=_is_rotated(taken, foreign),
            notes=(*filter(None, (fault,)), *_notes(taken)),
        )

    async def _tried(self, opened: Opened, grant: Grant) -> AccessToken | None:
        """One refresh; None where there is nothing to refresh.

        Nobody listens to what it tells: of an account that is not to be, neither that
        it was renewed nor that a login is needed is news to anybody.
        """
        if grant.refresh_token is None:
            return None
        grants, clock = opened.grants, self._clock
        refresher = Refresher(
            grants=grants,
            cache=TokenCache(grants),
            endpoint=TokenEndpoint(sender=self._sender, clock=clock, skews=Skews()),
            minters=opened.tokens.minters,
            clock=clock,
            events=Events(),
        )
        return await refresher.refresh(_whole(grant.account.name), grant)

    def _tell(self, grant: Grant) -> None:
        name, issuer = grant.account.name, grant.account.issuer.url
        log.info("account.taken_over account=%s issuer=%s", name, issuer)
        self._events.publish(
            Event(
                kind=EventKind.SIGNED_IN,
                at=self._clock.now().wall,
                account=name,
                issuer=issuer,
            )
        )


def _is_rotated(grant: Grant, foreign: Foreign) -> bool:
    return grant.refresh_token != foreign.refresh_token


def _whole(name: AccountName) -> TokenKey:
    return TokenKey(account=name, scopes=None, resource=None)


def _grant(foreign: Foreign, sign_in: SignIn, now: Instant) -> Grant:
    scopes = frozenset(foreign.scopes)
    token = None
    if foreign.refresh_token is None and foreign.access_token is not None:
        token = AccessToken(
            value=foreign.access_token,
            token_type="Bearer",  # noqa: S106 - the type (RFC 6750)
            scopes=scopes,
            obtained=now,
            life=None,
        )
    return Grant(
        account=sign_in.account,
        version=0,  # given by whoever saves it
        refresh_token=foreign.refresh_token,
        access_token=token,
        scopes=scopes,
        granted_at=now.wall,
    )


async def _with_its_scopes(grants: Grants, name: AccountName) -> Grant:
    """The grant as it is now; the next login is to ask for what it has."""
    grant = await grants.reload(name)
    if grant.account.scopes or not grant.scopes:
        return grant
    account = replace(grant.account, scopes=tuple(sorted(grant.scopes)))
    return await grants.signed_in(replace(grant, account=account))


def _require_own(foreign: Foreign, sign_in: SignIn) -> None:
    """See that the issuer is the one that gave it, before the token goes there.

    Raises:
        ImportRefusedError: its tool renewed it somewhere else.
    """
    if foreign.token_endpoint is None:
        return
    issuer, preset = sign_in.account.issuer, sign_in.preset
    own, named = urlsplit(issuer.token_endpoint), urlsplit(foreign.token_endpoint)
    hosts = preset.hosts if preset else ()
    if own.netloc != named.netloc and named.hostname not in hosts:
        raise ImportRefusedError(
            issuer=issuer.url, what=f"it was given by {safe_text(named.netloc)}"
        )


def _refused(error: BrokerError, sign_in: SignIn) -> BrokerError:
    """The issuer's no, in words for a sign-in that is not ours yet."""
    issuer = sign_in.account.issuer.url
    match error:
        case LoginRequiredError():
            return ImportRefusedError(issuer=issuer, what=error.reason)
        case RefreshRefusedError():
            said = " ".join(t for t in (error.error, error.description) if t)
            return ImportRefusedError(issuer=issuer, what=said)
    return error


def _notes(grant: Grant) -> list[str]:
    notes = []
    if grant.refresh_token is None:
        notes.append(
            "the token has no refresh token beside it and could not be tried: it is "
            "kept sealed, and served as it is until its issuer ends it"
        )
    if not grant.scopes:
        notes.append(
            "neither the tool nor the issuer says which scopes it has: programs can "
            "ask for a token with all of them only; name them at the next login"
        )
    return notes
