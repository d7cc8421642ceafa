"""Takes a sign-in over that another tool has made, with one refresh to try it.

Knows no other tool and no file: whoever asks has read them.
"""

from functools import partial

import msgspec
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    BrokerError,
    IssuerMalformedError,
    IssuerMismatchError,
)
from broker.model.grant import Grant
from broker.model.person import Person
from broker.model.token import AccessToken
from broker.oauth.id_token import IdClaims
from broker.services.arrivals import Arrivals, require_free
from broker.services.events import Events
from broker.services.foreign_sign_in import (
    Foreign,
    TakenOver,
    foreign_grant,
    is_rotated,
    notes_on,
    refusal,
    require_new,
    require_own,
)
from broker.services.grants import Grants
from broker.services.id_token_shelf import Laid
from broker.services.identification import Identifier
from broker.services.interfaces import Clock, HttpSender
from broker.services.opened import Opened
from broker.services.refresh import Refresher
from broker.services.sign_in import SignIn, SignInRequest, SignIns
from broker.services.skew import Skews
from broker.services.token_cache import TokenCache, TokenKey
from broker.services.token_endpoint import TokenEndpoint
from broker.services.userinfo import UserinfoReader
from broker.services.vault import Vault

_OF_NO_USE = (
    "the issuer gave a new refresh token, which is kept, and beside it an access token "
    "that is of no use: try `brokerctl token`"
)


class _Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh brought."""

    token: AccessToken | None = None
    id_token: Laid | None = None


class MovingIn:
    """Makes accounts of sign-ins that are there already."""

    def __init__(
        self,
        *,
        vault: Vault,
        sign_ins: SignIns,
        identifier: Identifier,
        userinfo: UserinfoReader,
        sender: HttpSender,
        clock: Clock,
        events: Events,
    ) -> None:
        self._vault = vault
        self._sign_ins = sign_ins
        self._identifier = identifier
        self._userinfo = userinfo
        self._sender = sender
        self._clock = clock
        self._arrivals = Arrivals(vault=vault, clock=clock, events=events)

    async def take_over(self, foreign: Foreign) -> TakenOver:
        """Save it and try it; where the issuer refuses, nothing is kept.

        Raises:
            AccountExistsError: the name is taken.
            ImportRefusedError: the issuer refuses it, it is another issuer's, or an
                account here already.
            BrokerError: of the discovery, the store, or the way to the issuer; nothing
                is kept either.
        """
        self._vault.require_serving()
        require_free(self._vault.find(foreign.account))
        sign_in = await self._completed(self._request(foreign))
        require_own(foreign, sign_in)
        return await self._arrivals.kept(
            partial(self._in_turn, foreign=foreign, sign_in=sign_in)
        )

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
        self, opened: Opened, *, foreign: Foreign, sign_in: SignIn
    ) -> TakenOver:
        name = foreign.account
        # In turn: whoever asks for a token meanwhile must not spend it a second time.
        async with opened.tokens.turn(name):
            require_free(opened.grants.find(name))
            require_new(foreign, sign_in, opened.grants.all())
            grant = foreign_grant(foreign, sign_in, self._clock.now())
            # Saved before it is sent: an answer that is lost with this process may
            # have brought the next refresh token.
            saved = await opened.grants.signed_in(grant)
            tried, faults = _Tried(), []
            try:
                tried = await self._tried(opened, saved)
            except BrokerError as exc:
                left = await opened.grants.reload(name)
                if not is_rotated(left, foreign):
                    await opened.grants.forget(left)
                    raise refusal(exc, sign_in) from exc
                # To forget it would lose the sign-in for both: the tool's copy is void.
                faults.append(_OF_NO_USE)
            claims, fault = await self._claims(sign_in, tried.id_token)
            taken = await _with_what_is_known(opened.grants, name, claims)
            if tried.token is not None:
                opened.tokens.remember(_whole(name), tried.token)
            if tried.id_token is not None and claims is not None:
                opened.tokens.id_tokens.put(name, tried.id_token)
        if tried.token is not None:
            # Once the account is there: a name is not worth it.
            described = self._userinfo.describe(opened.grants, taken, tried.token)
            faults += filter(None, (fault, await described))
        return TakenOver(
            grant=taken,
            is_rotated=is_rotated(taken, foreign),
            notes=(*faults, *notes_on(taken)),
        )

    async def _claims(
        self, sign_in: SignIn, laid: Laid | None
    ) -> tuple[IdClaims | None, str | None]:
        """Who it is, or what is wrong with what says so: no more than a note.

        The sign-in is the tool's, and its refresh token may be new already.
        """
        if laid is None:
            return None, None
        try:
            claims = await self._identifier.read(
                sign_in, laid.value, access_token=laid.access_token, nonce=None
            )
        except IssuerMalformedError as exc:
            return None, f"it is not known whose it is: {exc.what}"
        return claims, None

    async def _tried(self, opened: Opened, grant: Grant) -> "_Tried":
        """One refresh; nothing where there is nothing to refresh.

        Nobody listens to what it tells: of an account that is not to be, neither that
        it was renewed nor that a login is needed is news to anybody.
        """
        if grant.refresh_token is None:
            return _Tried()
        grants, clock, name = opened.grants, self._clock, grant.account.name
        cache = TokenCache(grants)
        refresher = Refresher(
            grants=grants,
            cache=cache,
            endpoint=TokenEndpoint(sender=self._sender, clock=clock, skews=Skews()),
            minters=opened.tokens.minters,
            clock=clock,
            events=Events(),
        )
        token = await refresher.refresh(_whole(name), grant)
        return _Tried(token=token, id_token=cache.id_tokens.find(name))


def _whole(name: AccountName) -> TokenKey:
    return TokenKey(account=name, scopes=None, resource=None)


async def _with_what_is_known(
    grants: Grants, name: AccountName, claims: IdClaims | None
) -> Grant:
    """The grant as it is now, with who it is; the next login asks for what it has."""
    before = await grants.reload(name)
    grant = before
    if grant.scopes and not grant.account.scopes:
        account = replace(grant.account, scopes=tuple(sorted(grant.scopes)))
        grant = replace(grant, account=account)
    if claims is not None:
        person = Person(name=claims.name, email=claims.email)
        grant = replace(grant, subject=claims.subject, person=person)
    return grant if grant == before else await grants.signed_in(grant)
