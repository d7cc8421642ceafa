"""One login as a state machine. Knows no network, no listener and no clock."""

import asyncio
import logging
from enum import Enum
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import (
    BrokerError,
    LoginFailedError,
    LoginRefusedError,
    PasteRefusedError,
)
from broker.model.grant import Grant
from broker.model.redirect import Outcome, Verdict
from broker.model.secret import Secret
from broker.model.time import UnixTime
from broker.model.token import Scopes
from broker.model.way import Way
from broker.oauth.authorization_response import (
    AuthorizationResponse,
    BrokenResponse,
    CodeResponse,
    RefusedResponse,
    StrayResponse,
    parse_authorization_response,
)
from broker.oauth.pasted import (
    PastedAddress,
    PastedCode,
    PastedNonsense,
    parse_pasted,
)
from broker.services.sign_in import SignIn

if TYPE_CHECKING:
    from broker.model.restriction import Restriction
    from broker.oauth.device import DevicePrompt

log = logging.getLogger(__name__)


class LoginState(Enum):
    """Where a login stands."""

    AWAITING = "awaiting"
    """The person is with the issuer."""
    REDEEMING = "redeeming"
    """What the person brought about is being exchanged and saved."""
    COMPLETE = "complete"
    FAILED = "failed"


class CodeArrived(msgspec.Struct, frozen=True, kw_only=True):
    """The authorization response, with the right state, brought a code."""

    code: Secret


class TokensArrived(msgspec.Struct, frozen=True, kw_only=True):
    """The issuer gave tokens without a code: it had given a device code before."""


class GrantSaved(msgspec.Struct, frozen=True, kw_only=True):
    """The grant is durable; the notes are what the person should know of it."""

    grant: Grant
    notes: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Refused, broken, timed out, cancelled or superseded."""

    error: BrokerError
    outcome: Outcome = Outcome.FAILED


LoginEvent = CodeArrived | TokensArrived | GrantSaved | Failed

NEXT: dict[tuple[LoginState, type[LoginEvent]], LoginState] = {
    (LoginState.AWAITING, CodeArrived): LoginState.REDEEMING,
    (LoginState.AWAITING, TokensArrived): LoginState.REDEEMING,
    (LoginState.AWAITING, Failed): LoginState.FAILED,
    (LoginState.REDEEMING, GrantSaved): LoginState.COMPLETE,
    (LoginState.REDEEMING, Failed): LoginState.FAILED,
}
"""A pair that is missing comes too late, or cannot happen."""

_ENDED = frozenset({LoginState.COMPLETE, LoginState.FAILED})


class LoginSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """Made anew for every login (RFC 9700 section 2.1.1).

    Attributes:
        state: binds the response to this login, and finds it.
        verifier: PKCE (RFC 7636).
        nonce: OpenID Connect only, else None.
        dpop_key: what the tokens are to be bound to (RFC 9449), or None. A sign-in
            that is repeated keeps its key: an older refresh token may be kept, too.
    """

    state: Secret
    verifier: Secret
    nonce: Secret | None
    dpop_key: Secret | None = None


class Login:
    """One login: what it knows, where it stands, and events for whoever waits."""

    def __init__(
        self,
        *,
        login_id: str,
        sign_in: SignIn,
        own: LoginSecrets,
        way: Way = Way.LOOPBACK,
        other_person: bool = False,
    ) -> None:
        self.login_id = login_id
        self.other_person = other_person
        """Whether another person than before may sign in."""
        self.way = way
        self.sign_in = sign_in
        self.own = own
        self.begun_through: Restriction | None = None
        """The restricted socket that began it; None for the admin socket."""
        self.watched_from: set[Restriction] = set()
        """Those that began or joined it, and may see how it goes. Not their names: a
        later socket of the same name is another one."""
        self.notes: tuple[str, ...] = ()
        self.state = LoginState.AWAITING
        self.redirect_uri = ""
        self.authorization_url = ""
        self.device: DevicePrompt | None = None
        self.expires_at = UnixTime(0)
        self.code: Secret | None = None
        self.granted = Scopes()
        self.is_refreshable = False
        self.error: BrokerError | None = None
        self.answered = asyncio.Event()
        """Set once the browser has come back, or the login has ended without it."""
        self.ended = asyncio.Event()
        self._outcome = Outcome.FAILED

    @property
    def account(self) -> AccountName:
        """Whose login it is."""
        return self.sign_in.account.name

    @property
    def socket(self) -> str | None:
        """The name of the restricted socket that began it, for people."""
        return None if self.begun_through is None else self.begun_through.name

    @property
    def has_ended(self) -> bool:
        """Whether it is complete or failed."""
        return self.state in _ENDED

    def advance(self, event: LoginEvent) -> None:
        """Take an event; one that comes too late changes nothing."""
        state = NEXT.get((self.state, type(event)))
        if state is None:
            return
        self.state = state
        match event:
            case CodeArrived():
                self.code = event.code
            case GrantSaved():
                self.granted = event.grant.scopes
                self.is_refreshable = event.grant.refresh_token is not None
                self.notes = event.notes
                self._outcome = Outcome.SIGNED_IN
            case Failed():
                self.error = event.error
                self._outcome = event.outcome
        self.answered.set()
        if self.has_ended:
            # Kept for whoever still asks, and the store may be locked meanwhile.
            self.code = None
            self.sign_in = self.sign_in.without_secret()
            self.own = replace(self.own, dpop_key=None)
            self.ended.set()

    def fail(self, reason: str) -> None:
        """End it without a grant, where it has not ended."""
        error = LoginFailedError(account=self.account, reason=reason)
        self.advance(Failed(error=error))

    def on_response(self, query: str) -> Verdict:
        """Decide on a query string that arrived at the redirect URI."""
        account = self.sign_in.account
        response = parse_authorization_response(
            query, state=self.own.state, issuer=account.issuer
        )
        if isinstance(response, StrayResponse):
            log.warning("login.response.stray account=%s", account.name)
            return Verdict.STRAY
        self._take(response)
        return Verdict.TAKEN

    def respond(self, pasted: Secret) -> None:
        """Take what the person pasted; where something came before, nothing changes.

        Raises:
            PasteRefusedError: it is not the answer to this login, which goes on.
        """
        if self.answered.is_set():
            return
        if self.device is not None:
            what = "has to be entered at the issuer's page: nothing is pasted here"
            raise PasteRefusedError(account=self.account, what=what)
        match parse_pasted(pasted.reveal(), redirect_uri=self.redirect_uri):
            case PastedNonsense(what=what):
                raise PasteRefusedError(account=self.account, what=what)
            case PastedAddress(query=query):
                if self.on_response(query.reveal()) is Verdict.STRAY:
                    raise PasteRefusedError(
                        account=self.account, what="belongs to another login"
                    )
            case PastedCode(code=code):
                self._require_bound()
                self._take(CodeResponse(code=code))

    def _require_bound(self) -> None:
        """See that a code without its state cannot be somebody else's.

        With PKCE the issuer refuses a code that was made for another login (RFC 9700
        section 4.5.3.1); where it may not know PKCE, only the state tells. A code that
        the issuer's page shows has none, and the person has seen whose page it is;
        a title, any page writes.
        """
        issuer = self.sign_in.account.issuer
        if issuer.code_challenge_methods is None and self.way is not Way.OOB:
            what = "is a code alone: this issuer may not know PKCE"
            raise PasteRefusedError(account=self.account, what=what)

    def _take(self, response: AuthorizationResponse) -> None:
        if self.answered.is_set():
            # A browser that loads the address again, or somebody who has seen it:
            # what the first response began goes on.
            return
        match response:
            case CodeResponse():
                self.advance(CodeArrived(code=response.code))
            case RefusedResponse():
                error = LoginRefusedError(
                    account=self.account,
                    error=response.error,
                    description=response.description,
                )
                self.advance(Failed(error=error, outcome=Outcome.REFUSED))
            case BrokenResponse():
                self.fail(f"the authorization response is wrong: {response.reason}")

    async def outcome(self) -> Outcome:
        """How it ended, once it has: what the page shows."""
        await self.ended.wait()
        return self._outcome
