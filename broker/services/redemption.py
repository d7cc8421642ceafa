"""From an authorization code to a saved grant (RFC 6749 section 4.1.3).

Or from the tokens that a login came to without one. Knows no listener and no browser.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from msgspec.structs import replace

from broker.model.event import Event, EventKind
from broker.model.grant import Grant, GrantState
from broker.model.http import HttpRequest
from broker.model.person import Person
from broker.model.secret import Secret
from broker.model.time import Instant, UnixTime
from broker.model.token import AccessToken
from broker.oauth.id_token import IdClaims
from broker.oauth.refusals import code_error
from broker.oauth.token import (
    TokenRefusal,
    TokenResponse,
    parse_token_response,
)
from broker.oauth.token_request import code_request
from broker.services.events import Events
from broker.services.identification import Identifier
from broker.services.identity import require_asked, require_same
from broker.services.interfaces import Clock, HttpSender
from broker.services.login import GrantSaved, Login
from broker.services.opened import Opened
from broker.services.store_findings import new_store_note
from broker.services.token_cache import TokenKey
from broker.services.token_endpoint import token_of
from broker.services.userinfo import UserinfoReader
from broker.services.vault import Vault


class Obtained(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint gave.

    Attributes:
        answer: parsed.
        began: the moment before it was asked.
    """

    answer: TokenResponse
    began: Instant


class _Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """What it is to this login."""

    answer: TokenResponse
    token: AccessToken
    claims: IdClaims | None
    at: Instant


class Redeemer:
    """Spends codes."""

    def __init__(
        self,
        *,
        vault: Vault,
        identifier: Identifier,
        userinfo: UserinfoReader,
        sender: HttpSender,
        clock: Clock,
        events: Events,
    ) -> None:
        self._vault = vault
        self._identifier = identifier
        self._userinfo = userinfo
        self._sender = sender
        self._clock = clock
        self._events = events

    async def redeem(self, login: Login, code: Secret) -> GrantSaved:
        """Exchange `code`, once, and save what it gives.

        A code is never sent twice, not even after a time-out (RFC 6749 section
        4.1.2): the issuer would revoke what the first request gave.

        Raises:
            BrokerError: the login's end.
        """
        return await self.obtain(login, partial(self._exchange, login, code))

    async def obtain(
        self, login: Login, tokens: Callable[[], Awaitable[Obtained]]
    ) -> GrantSaved:
        """Save what `tokens` gives.

        Args:
            login: whose it is.
            tokens: asked once, when a store is there to keep what it gives.

        Raises:
            BrokerError: the login's end.
        """
        # First: a code that is spent while nothing can be saved would be lost.
        source = await self._vault.open_for_grant()
        with self._vault.holders.one_more():
            saved = await self._keep(login, await tokens())
        self._events.publish(
            Event(
                kind=EventKind.SIGNED_IN,
                at=self._clock.now().wall,
                account=login.account,
                issuer=login.sign_in.account.issuer.url,
            )
        )
        if source is None:
            return saved
        return replace(saved, notes=(new_store_note(source), *saved.notes))

    async def _keep(self, login: Login, obtained: Obtained) -> GrantSaved:
        redeemed = await self._redeemed(login, obtained)
        opened = self._vault.require_open()
        if redeemed.answer.refresh_token is not None:
            saved = await _save(opened, login, redeemed)
        else:
            # The old one may be kept, and it must be the newest old one: a refresh that
            # is under way ends first.
            async with opened.tokens.turn(login.account):
                saved = await _save(opened, login, redeemed)
        note = await self._userinfo.describe(opened.grants, saved.grant, redeemed.token)
        return saved if note is None else replace(saved, notes=(*saved.notes, note))

    async def _exchange(self, login: Login, code: Secret) -> Obtained:
        account = login.sign_in.account
        issuer = account.issuer
        request = code_request(
            issuer=issuer,
            client=account.client,
            code=code,
            redirect_uri=login.redirect_uri,
            verifier=login.own.verifier,
            dpop_key=login.own.dpop_key,
            resource=account.resource,
        )
        obtained = await self.ask(login, request)
        if isinstance(obtained, TokenRefusal):
            raise code_error(obtained, account=account.name, issuer=issuer.url)
        return obtained

    async def ask(self, login: Login, request: HttpRequest) -> Obtained | TokenRefusal:
        """What the token endpoint says to one request of a login.

        Raises:
            BrokerError: of the sender and of `parse_token_response`.
        """
        issuer = login.sign_in.account.issuer
        began = self._clock.now()
        response = await self._sender.send(request)
        opened = self._vault.opened
        if opened is not None:
            opened.tokens.health.heard(issuer.url, response, sent=began)
        answer = parse_token_response(
            response,
            issuer=issuer.url,
            quirks=issuer.quirks,
            is_bound=login.own.dpop_key is not None,
        )
        if isinstance(answer, TokenRefusal):
            return answer
        return Obtained(answer=answer, began=began)

    async def _redeemed(self, login: Login, obtained: Obtained) -> _Redeemed:
        account, answer = login.sign_in.account, obtained.answer
        claims = await self._identifier.claims(login, answer)
        require_asked(account, claims, self._clock.now().wall)
        if not login.other_person:
            require_same(account, claims, self._vault.find(account.name))
        token = token_of(
            answer,
            obtained=obtained.began,
            asked=frozenset(account.scopes),
            refreshable=answer.refresh_token is not None,
        )
        return _Redeemed(answer=answer, token=token, claims=claims, at=obtained.began)


async def _save(opened: Opened, login: Login, redeemed: _Redeemed) -> GrantSaved:
    name = login.account
    before = opened.grants.find(name)
    grant = await opened.grants.signed_in(_grant(login, redeemed, before))
    opened.tokens.forget(name)
    opened.tokens.remember(
        TokenKey(account=name, scopes=None, resource=None), redeemed.token
    )
    opened.tokens.id_tokens.lay(name, redeemed.answer, redeemed.at)
    return GrantSaved(grant=grant, notes=tuple(_notes(opened, login, grant, before)))


def _grant(login: Login, redeemed: _Redeemed, before: Grant | None) -> Grant:
    answer, token, claims = redeemed.answer, redeemed.token, redeemed.claims
    subject = claims.subject if claims else None
    refresh_token = answer.refresh_token
    if refresh_token is None and _is_same_person(login, before, subject):
        # Some issuers give a refresh token only at the first consent: the old one
        # still stands (RFC 6749 section 6 says so of refreshes, and Google does it).
        refresh_token = before.refresh_token if before else None
    expires_in = answer.refresh_expires_in
    return Grant(
        account=login.sign_in.account,
        version=0,  # given by whoever saves it
        refresh_token=refresh_token,
        access_token=token if refresh_token is None else None,
        scopes=token.scopes,
        subject=subject,
        person=Person(name=claims.name, email=claims.email) if claims else None,
        granted_at=redeemed.at.wall,
        refresh_expires_at=None
        if expires_in is None
        else UnixTime(redeemed.at.wall + expires_in),
        dpop_key=login.own.dpop_key,
    )


_ALIVE = frozenset({GrantState.LIVE, GrantState.REAUTHENTICATE})


def _is_same_person(login: Login, before: Grant | None, subject: str | None) -> bool:
    """Whether an older refresh token surely belongs to whoever signed in now."""
    if before is None or subject is None or login.sign_in.is_first:
        return False
    # Bound to another key, or to none, it would be refused from now on.
    has_its_key = before.dpop_key == login.own.dpop_key
    return before.subject == subject and before.state in _ALIVE and has_its_key


def _notes(
    opened: Opened, login: Login, grant: Grant, before: Grant | None
) -> list[str]:
    notes = []
    if login.account in opened.grants.unsaved:
        notes.append(
            "the disk refuses to save it: it is in memory alone until there is room, "
            "and lost if the daemon ends before (`brokerctl status` tells)"
        )
    preset = login.sign_in.preset
    if login.sign_in.is_first and preset is not None and preset.note is not None:
        notes.append(preset.note)
    if grant.refresh_token is None:
        life = grant.access_token.life if grant.access_token else None
        notes.append(
            "the issuer gave no refresh token; "
            + (
                "its access token does not expire, and is kept sealed instead"
                if life is None
                else f"you will be asked to sign in again in {life:.0f} seconds"
            )
        )
    if login.sign_in.is_first and before and before.refresh_token:
        notes.append(
            "the account was signed in with another client, issuer or resource before; "
            f"that grant still stands at {before.account.issuer.url}"
        )
    if before and before.subject and grant.subject and before.subject != grant.subject:
        notes.append("you signed in as somebody else than before")
    return notes
