"""Logins under way: from the request to the saved grant (RFC 8252, RFC 7636).

A login travels: listener open, so that the redirect URI is known; authorization
request; redirect; token request; grant; saved. Knows no sockets of peers.
"""

import asyncio
import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from broker.model.account import Account, AccountName
from broker.model.errors import (
    BadRequestError,
    BrokerError,
    LoginFailedError,
    LoginTimedOutError,
    StoppingError,
    UnknownLoginError,
)
from broker.model.issuer import RedirectPath
from broker.model.redirect import RedirectSite
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.oauth.authorization import authorization_request, request_parameters
from broker.oauth.pkce import VERIFIER_BYTES, code_challenge, code_verifier
from broker.services.interfaces import Clock, OpenListener, RedirectListener
from broker.services.login import Failed, Login, LoginSecrets
from broker.services.redemption import Redeemer
from broker.services.sign_in import SignInRequest, SignIns
from broker.services.vault import Vault
from broker.services.waits import first

log = logging.getLogger(__name__)

STATE_BYTES = 32
NONCE_BYTES = 32
LOGIN_ID_BYTES = 16
PATH_BYTES = 16

DEFAULT_TIMEOUT = Seconds(300)
LONGEST_TIMEOUT = Seconds(3600)

LOGINS_AT_ONCE = 32
"""Each holds a port; a person has two hands."""

KEPT_LOGINS = 32
"""Ended logins are kept for whoever still asks; the oldest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """What the person wants of this one login.

    Attributes:
        timeout: seconds to wait for the authorization response.
        success_message: a sentence for the success page, or None.
    """

    timeout: Seconds = DEFAULT_TIMEOUT
    success_message: str | None = None


class LoginService:
    """Every login under way; one an account."""

    def __init__(
        self,
        *,
        vault: Vault,
        sign_ins: SignIns,
        redeemer: Redeemer,
        listener: RedirectListener,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._vault = vault
        self._sign_ins = sign_ins
        self._redeemer = redeemer
        self._listener = listener
        self._clock = clock
        self._random = random
        self._logins: dict[str, Login] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beginning = asyncio.Lock()
        self._closing = False

    @property
    def under_way(self) -> int:
        """How many have not ended."""
        return sum(not login.has_ended for login in self._logins.values())

    async def start(self, request: SignInRequest, options: LoginOptions) -> Login:
        """Begin a login: the listener listens, and the authorization URL is known.

        Raises:
            BrokerError: what the request lacks, or what the issuer, the port or the
                store refused; nothing has changed then.
        """
        stored = self._vault.find(request.account)
        sign_in = await self._sign_ins.complete(request, stored)
        self._require_room(request.account)
        login = Login(
            login_id=self._token(LOGIN_ID_BYTES),
            sign_in=sign_in,
            own=self._secrets(sign_in.account),
        )
        # One at a time: of two that begin at once, the second supersedes the first.
        async with self._beginning:
            await self._supersede(login.account)
            listener = await self._listen(login, options)
            try:
                self._address(login, listener, options)
            except BrokerError:
                login.fail("it could not begin")
                await listener.close()
                raise
            self._begin(login, listener, options)
        return login

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

    async def _listen(self, login: Login, options: LoginOptions) -> OpenListener:
        account, preset = login.sign_in.account, login.sign_in.preset
        path = "/"
        if preset is not None and preset.redirect_path is RedirectPath.RANDOM:
            path = f"/{self._token(PATH_BYTES)}"
        fixed_host = preset.redirect_host if preset else None
        choice = account.redirect
        host, port = choice.host or fixed_host or "127.0.0.1", choice.port
        if choice.uri is not None:
            host, port, path = _parts(choice.uri)
        return await self._listener.open(
            RedirectSite(
                host=host,
                bind=choice.bind,
                port=port,
                path=path,
                success_message=options.success_message,
                on_response=login.on_response,
                outcome=login.outcome,
            )
        )

    def _address(
        self, login: Login, listener: OpenListener, options: LoginOptions
    ) -> None:
        account, own = login.sign_in.account, login.own
        login.redirect_uri = account.redirect.uri or listener.redirect_uri
        login.expires_at = UnixTime(self._clock.now().wall + options.timeout)
        login.authorization_url = authorization_request(
            issuer=account.issuer,
            client=account.client,
            redirect_uri=login.redirect_uri,
            scopes=account.scopes,
            state=own.state,
            nonce=own.nonce,
            challenge=code_challenge(own.verifier),
            parameters=request_parameters(
                preset=login.sign_in.preset,
                scopes=account.scopes,
                person=account.parameters,
                has_signed_in_before=not login.sign_in.is_first,
                login_hint=account.login_hint,
            ),
        )

    async def _run(
        self, login: Login, listener: OpenListener, options: LoginOptions
    ) -> None:
        try:
            # Whoever is at the browser uses the store: what comes back is saved in it.
            with self._vault.not_idle():
                await first(login.answered, self._clock, options.timeout)
                await self._finish(login, options)
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
            await listener.close()

    async def _finish(self, login: Login, options: LoginOptions) -> None:
        if login.code is not None:
            login.advance(await self._redeemer.redeem(login, login.code))
        elif not login.has_ended:
            preset = login.sign_in.preset
            raise LoginTimedOutError(
                account=login.account,
                seconds=round(options.timeout),
                browser_errors=preset.browser_errors if preset else (),
            )

    def _require_room(self, account: AccountName) -> None:
        if self._closing:
            raise StoppingError
        if self.under_way >= LOGINS_AT_ONCE:
            raise LoginFailedError(
                account=account, reason=f"{self.under_way} logins are under way already"
            )

    async def _supersede(self, account: AccountName) -> None:
        """End the account's login that still awaits the browser, and free its port."""
        for login in list(self._logins.values()):
            if login.account == account and not login.answered.is_set():
                login.fail("a newer login of the same account took its place")
                await asyncio.wait([self._tasks[login.login_id]])

    def _begin(
        self, login: Login, listener: OpenListener, options: LoginOptions
    ) -> None:
        self._keep(login)
        task = asyncio.create_task(
            self._run(login, listener, options), name=f"login {login.account}"
        )
        self._tasks[login.login_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(login.login_id))
        log.info("login.started account=%s", login.account)

    def _keep(self, login: Login) -> None:
        ended = [key for key, old in self._logins.items() if old.has_ended]
        for key in ended[: max(0, len(ended) - KEPT_LOGINS)]:
            del self._logins[key]
        self._logins[login.login_id] = login

    def _secrets(self, account: Account) -> LoginSecrets:
        is_openid = "openid" in account.scopes
        return LoginSecrets(
            state=Secret(self._token(STATE_BYTES)),
            verifier=code_verifier(self._random(VERIFIER_BYTES)),
            nonce=Secret(self._token(NONCE_BYTES)) if is_openid else None,
        )

    def _token(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).rstrip(b"=").decode()


def _parts(uri: str) -> tuple[str, int, str]:
    """Host, port and path of a fixed redirect URI.

    Raises:
        BadRequestError: not an http URI of this machine with a port and no query.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or parts.query or parts.fragment:
        raise BadRequestError(
            what="a redirect URI looks like http://127.0.0.1:8080/, without query"
        )
    return parts.hostname, 80 if port is None else port, parts.path or "/"
