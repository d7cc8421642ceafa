"""ID tokens for any audience, of accounts without a person that can have them made."""

import msgspec

from broker.model.account import AccountName
from broker.model.errors import (
    BadRequestError,
    IssuerMalformedError,
    NoIdTokenError,
    NotPermittedError,
)
from broker.model.grant import Grant
from broker.model.text import safe_text
from broker.model.time import Seconds
from broker.model.unattended import Unattended, kind_of
from broker.services.asked_in_vain import AskedInVain
from broker.services.at_hand import AtHand
from broker.services.id_token_checks import (
    IdTokenChecker,
    IdTokenServed,
    IdTokenWanted,
    require_life,
)
from broker.services.interfaces import Clock
from broker.services.lineage import source, through, views
from broker.services.minting import IdTokenMinter
from broker.services.tokens import TokenService


class MadeIdTokens:
    """Has them made, one for each account and audience."""

    def __init__(
        self, *, checker: IdTokenChecker, in_vain: AskedInVain, clock: Clock
    ) -> None:
        self._checker = checker
        self._in_vain = in_vain
        self._clock = clock

    async def served(
        self,
        tokens: TokenService,
        grant: Grant,
        unattended: Unattended,
        wanted: IdTokenWanted,
    ) -> IdTokenServed:
        """One that is at hand, or a new one; checked.

        Raises:
            NoIdTokenError: accounts of this kind have none.
            BadRequestError: for whom it is to be was not said.
            BrokerError: of the minter; or it is not what it should be.
        """
        minter, audience = _minter(tokens, grant, unattended), wanted.audience
        account = grant.account.name
        if audience is None:
            what = f"audience is needed: {account!r} has no client of its own to be for"
            raise BadRequestError(what=what)
        # First without a turn: it may be another audience's that waits for its own.
        held = await self._held(tokens, grant, audience, wanted.min_ttl)
        if held:
            return held
        # One at a time: many who ask at once want the same.
        async with tokens.turn(account):
            held = await self._held(tokens, grant, audience, wanted.min_ttl)
            return held or await self._new(tokens, grant, minter, audience)

    async def _new(
        self, tokens: TokenService, grant: Grant, minter: IdTokenMinter, audience: str
    ) -> IdTokenServed:
        self._in_vain.require_worth(grant, audience)
        began = self._clock.now()
        with tokens.id_token_attempt(grant.account, audience):
            value = await minter.id_token(grant, audience)
        laid = tokens.id_tokens.lay_made(grant.account.name, audience, value, began)
        try:
            served = await self._checker.checked(laid, grant, audience)
            require_life(served, grant, self._clock.now())
        except IssuerMalformedError as exc:
            self._in_vain.note(grant, exc, audience)
            raise
        return served

    async def _held(
        self, tokens: TokenService, grant: Grant, audience: str, min_ttl: Seconds
    ) -> IdTokenServed | None:
        """What is at hand and has `min_ttl` seconds left."""
        laid = tokens.id_tokens.find(grant.account.name, audience)
        if laid is None:
            return None
        try:
            held = await self._checker.checked(laid, grant, audience)
        except IssuerMalformedError:
            return None  # its key was withdrawn, or it has expired
        return held if held.has_left(self._clock.now(), min_ttl) else None


def for_its_audience(
    grants: AtHand, name: AccountName, resource: str | None, wanted: IdTokenWanted
) -> IdTokenWanted:
    """The same, for no other audience than the one that the socket and views are for.

    Of a sign-in it is for the client in any case, and that is looked at elsewhere.

    Raises:
        NotPermittedError, ResourceNotGrantedError: it is to be for another.
    """
    grant = grants.get(name)
    if source(grants, grant).unattended is None:
        return wanted
    audience = resource if wanted.audience is None else wanted.audience
    if resource not in (None, audience):
        what = f"id-token: the audience {safe_text(audience or '')}"
        raise NotPermittedError(what=what)
    for view in views(grants, name):
        _, audience = through(view, None, audience)
    return msgspec.structs.replace(wanted, audience=audience)


def _minter(
    tokens: TokenService, grant: Grant, unattended: Unattended
) -> IdTokenMinter:
    minter = tokens.minters.of(unattended)
    if isinstance(minter, IdTokenMinter):
        return minter
    kind = kind_of(unattended).replace("_", " ")
    reason = f"an account by {kind} has none"
    raise NoIdTokenError(account=grant.account.name, reason=reason, unattended=True)
