"""The book of logins: one an account, from the request to the saved grant.

How an issuer is asked and its answer gets here is the matter of a way in. Knows no
sockets of peers.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakValueDictionary

import msgspec

from broker.model.account import AccountName
from broker.model.errors import (
    BrokerError,
    LoginFailedError,
    StoppingError,
    UnknownLoginError,
)
from broker.model.event import Event, EventKind
from broker.model.grant import Grant
from broker.model.restriction import Restriction
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.model.way import Way
from broker.oauth.dpop import KEY_BYTES, dpop_key
from broker.oauth.pkce import VERIFIER_BYTES, code_verifier
from broker.services.events import Events
from broker.services.interfaces import Clock
from broker.services.login import Failed, Login, LoginSecrets, LoginState
from broker.services.sign_in import SignIn, SignInRequest, SignIns
from broker.services.vault import Vault
from broker.services.waits import first
from broker.services.way_in import LoginOptions, UnderWay, WayIn

log = logging.getLogger(__name__)

STATE_BYTES = 32
NONCE_BYTES = 32
LOGIN_ID_BYTES = 16

LOGINS_AT_ONCE = 32
"""Each holds a port; a person has two hands."""

KEPT_LOGINS = 32
"""Ended logins are kept for whoever still asks; the oldest go first."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What `start` gave.

    Attributes:
        login: under way.
        joined: whether somebody else had begun it, just so.
    """

    login: Login
    joined: bool = False


class LoginService:
    """Every login under way; one an account."""

    def __init__(
        self,
        *,
        vault: Vault,
        sign_ins: SignIns,
        ways: Mapping[Way, WayIn],
        clock: Clock,
        events: Events,
        random: Callable[[int], bytes],
    ) -> None:
        self._vault = vault
        self._events = events
        self._sign_ins = sign_ins
        self._ways = ways
        self._clock = clock
        self._random = random
        self._logins: dict[str, Login] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beginning: WeakValueDictionary[AccountName, asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._closing = False

    @property
    def under_way(self) -> int:
        """How many have not ended."""
        return len(self.all())

    async def start(self, request: SignInRequest, options: LoginOptions) -> Started:
        """Begin a login, or join the one that is under way just so.

        However many programs ask, the person is to see one page of the issuer.

        Raises:
            BrokerError: what the request lacks, or what the issuer, the port or the
                store refused; nothing has changed then.
        """
        stored = self._vault.find(request.account)
        sign_in = await self._sign_ins.complete(request, stored, options.way)
        self._require_room(request.account)
        opened = self._vault.opened
        if opened is not None and opened.leaver.made is not None:
            opened.leaver.made.hurry(sign_in.account.issuer.url)
        login = Login(
            login_id=self._token(LOGIN_ID_BYTES),
            sign_in=sign_in,
            own=self._secrets(sign_in, stored, options.way),
            way=options.way,
            other_person=options.other_person,
        )
        # One at a time for an account: of two that begin at once, the second joins
        # the first, or supersedes it where it wants something else.
        beginning = self._beginning.setdefault(request.account, asyncio.Lock())
        async with beginning:
            same = None if options.again else self._awaiting(login)
            if same is not None:
                return Started(login=same, joined=True)
            await self._supersede(login.account)
            try:
                under_way = await self._ways[options.way].begin(login, options)
            except BrokerError:
                login.fail("it could not begin")
                self._sign_ins.came_to_nothing(sign_in)
                raise
            self._begin(login, under_way)
        return Started(login=login)

    async def start_through(self, account: AccountName, socket: Restriction) -> Started:
        """Repeat a stored sign-in for a peer of a restricted socket.

        Whoever is there chooses nothing of it, and ends nobody else's: where one of
        that account is under way, whatever it asks for, its end is awaited.

        Raises:
            UnknownAccountError: there is nothing to repeat.
            BrokerError: as `start`.
        """
        self._vault.require_open().grants.get(account)
        under_way = next((one for one in self.all() if one.account == account), None)
        if under_way is not None:
            under_way.watched_from.add(socket)
            return Started(login=under_way, joined=True)
        request = SignInRequest(account=account)
        started = await self.start(request, LoginOptions())
        started.login.watched_from.add(socket)
        if not started.joined:
            started.login.begun_through = socket
            self._tell_begun(started.login)
        return started

    def all(self) -> Sequence[Login]:
        """Those that have not ended, the oldest first."""
        return [login for login in self._logins.values() if not login.has_ended]

    def find(self, login_id: str) -> Login:
        """The login with this id.

        Raises:
            UnknownLoginError: there is none.
        """
        login = self._logins.get(login_id)
        if login is None:
            raise UnknownLoginError(login=login_id)
        return login

    async def wait(self, login: Login, seconds: Seconds) -> None:
        """Return when the login has ended, or after `seconds`."""
        await first(login.ended, self._clock, seconds)

    def cancel(self, login: Login) -> None:
        """End a login that the person gave up; too late once the code is there."""
        if not login.answered.is_set():
            login.fail("it was cancelled")

    async def end(self, account: AccountName) -> None:
        """End the account's login that awaits the browser; let one that has the code
        finish: a log-out must not be undone by it.
        """
        for login in list(self._logins.values()):
            if login.account == account and not login.has_ended:
                self.cancel(login)
                await asyncio.wait([self._tasks[login.login_id]])

    async def close(self) -> None:
        """End every login; those that are redeeming a code finish first."""
        self._closing = True
        for login in self._logins.values():
            if not login.answered.is_set():
                login.fail("the daemon is stopping")
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, login: Login, under_way: UnderWay) -> None:
        try:
            # Whoever is at the browser uses the store: what comes back is saved in it.
            with self._vault.not_idle():
                await under_way.finish()
        except BrokerError as exc:
            # Without its frames, which hold the request and the code.
            login.advance(Failed(error=exc.with_traceback(None)))
        except Exception:
            # Our bug: said and logged, and nobody waits for ever.
            login.fail("an internal error; the daemon's log has it")
            raise
        finally:
            log.info(
                "login.ended account=%s state=%s", login.account, login.state.value
            )
            if login.state is LoginState.FAILED:
                self._sign_ins.came_to_nothing(login.sign_in)
            await under_way.close()

    def _tell_begun(self, login: Login) -> None:
        self._events.publish(
            Event(
                kind=EventKind.LOGIN_BEGUN,
                at=self._clock.now().wall,
                account=login.account,
                issuer=login.sign_in.account.issuer.url,
                socket=login.socket,
            )
        )

    def _awaiting(self, wanted: Login) -> Login | None:
        """A login that awaits the same answer and would take it alike, or None."""
        return next(
            (
                login
                for login in self._logins.values()
                if _aim(login) == _aim(wanted) and not login.answered.is_set()
            ),
            None,
        )

    def _require_room(self, account: AccountName) -> None:
        if self._closing:
            raise StoppingError
        if self.under_way >= LOGINS_AT_ONCE:
            raise LoginFailedError(
                account=account, reason=f"{self.under_way} logins are under way already"
            )

    async def _supersede(self, account: AccountName) -> None:
        """End the account's login that still awaits the browser, and free its port.

        One that has ended may still hold it, for the page at the end: a registered
        client is sent back to the same port every time.
        """
        for login in list(self._logins.values()):
            if login.account != account:
                continue
            if not login.answered.is_set():
                login.fail("a newer login of the same account took its place")
            task = self._tasks.get(login.login_id)
            if login.has_ended and task is not None:
                await asyncio.wait([task])

    def _begin(self, login: Login, under_way: UnderWay) -> None:
        self._keep(login)
        task = asyncio.create_task(
            self._run(login, under_way), name=f"login {login.account}"
        )
        self._tasks[login.login_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(login.login_id))
        log.info("login.started account=%s", login.account)

    def _keep(self, login: Login) -> None:
        ended = [key for key, old in self._logins.items() if old.has_ended]
        for key in ended[: max(0, len(ended) - KEPT_LOGINS)]:
            del self._logins[key]
        self._logins[login.login_id] = login

    def _secrets(self, sign_in: SignIn, stored: Grant | None, way: Way) -> LoginSecrets:
        # RFC 8628 has no request of the browser's that could carry a nonce.
        has_nonce = "openid" in sign_in.account.scopes and way is not Way.DEVICE
        return LoginSecrets(
            state=Secret(self._token(STATE_BYTES)),
            verifier=code_verifier(self._random(VERIFIER_BYTES)),
            nonce=Secret(self._token(NONCE_BYTES)) if has_nonce else None,
            dpop_key=self._dpop_key(sign_in, stored),
        )

    def _dpop_key(self, sign_in: SignIn, stored: Grant | None) -> Secret | None:
        if not sign_in.account.dpop:
            return None
        known = None if sign_in.is_first or stored is None else stored.dpop_key
        return known or dpop_key(self._random(KEY_BYTES))

    def _token(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).rstrip(b"=").decode()


def _aim(login: Login) -> tuple[SignIn, Way, bool]:
    """What a login comes to, whoever began it."""
    return login.sign_in, login.way, login.other_person
