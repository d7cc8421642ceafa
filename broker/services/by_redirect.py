"""Signing in by redirect: the issuer sends the browser somewhere with a code.

To a listener of ours (RFC 8252 section 7.3), or to where the person copies the code
from. Knows no sockets of peers.
"""

import base64
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from broker.model.account import RedirectChoice
from broker.model.errors import (
    BadRequestError,
    LoginTimedOutError,
)
from broker.model.issuer import IssuerPreset, RedirectPath
from broker.model.redirect import RedirectSite, ResponseMode
from broker.model.time import Seconds, UnixTime
from broker.model.way import Way
from broker.oauth.authorization import (
    AuthorizationRequest,
    authorization_request,
    authorization_url,
    request_parameters,
)
from broker.oauth.endpoints import is_loopback
from broker.oauth.oob import OOB_AUTO_URI, OOB_URI
from broker.oauth.pkce import code_challenge
from broker.oauth.pushed import parse_pushed, pushed_parameters, pushed_request
from broker.oauth.refusals import code_error
from broker.oauth.token import TokenRefusal
from broker.services.interfaces import Clock, HttpSender, OpenListener, RedirectListener
from broker.services.login import Login
from broker.services.redemption import Redeemer
from broker.services.waits import first
from broker.services.way_in import LoginOptions

PATH_BYTES = 16

OUT_OF_BAND = {Way.OOB: OOB_URI, Way.OOB_AUTO: OOB_AUTO_URI}
"""Redirect URIs that are no address: the issuer shows the code itself."""

BY_REDIRECT = (Way.LOOPBACK, Way.PASTE, *OUT_OF_BAND)
"""The ways that are served here."""


class ByRedirect:
    """Begins logins whose answer is an authorization code."""

    def __init__(
        self,
        *,
        redeemer: Redeemer,
        sender: HttpSender,
        listener: RedirectListener,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._redeemer = redeemer
        self._sender = sender
        self._listener = listener
        self._clock = clock
        self._random = random

    async def begin(self, login: Login, options: LoginOptions) -> "Redirecting":
        """Listen, so that the redirect URI is known, and make the authorization URL.

        Raises:
            BadRequestError: a redirect URI that this way has not, or a parameter
                that is not the person's to choose.
            PortInUseError: the port is taken.
            BrokerError: the issuer would not be given the request (RFC 9126).
        """
        choice = login.sign_in.account.redirect
        listener = None
        if options.way in OUT_OF_BAND:
            login.redirect_uri = OUT_OF_BAND[options.way]
        elif options.way is Way.PASTE and _is_elsewhere(choice.uri):
            login.redirect_uri = choice.uri or ""
        else:
            listener = await self._listen(login, options)
            login.redirect_uri = choice.uri or listener.redirect_uri
        under_way = Redirecting(
            login=login,
            listener=listener,
            redeemer=self._redeemer,
            clock=self._clock,
            timeout=options.timeout,
        )
        try:
            await self._address(login, options)
        except BaseException:
            await under_way.close()
            raise
        return under_way

    async def _listen(self, login: Login, options: LoginOptions) -> OpenListener:
        place = self._place(login.sign_in.account.redirect, login.sign_in.preset)
        return await self._listener.open(
            RedirectSite(
                host=place.host,
                bind=login.sign_in.account.redirect.bind,
                port=place.port,
                path=place.path,
                mode=_mode(login),
                success_message=options.success_message,
                on_response=login.on_response,
                outcome=login.outcome,
            )
        )

    def _place(self, choice: RedirectChoice, preset: IssuerPreset | None) -> "_Place":
        if choice.uri is not None:
            return _place_of(choice.uri)
        path = "/"
        if preset is not None and preset.redirect_path is RedirectPath.RANDOM:
            token = base64.urlsafe_b64encode(self._random(PATH_BYTES))
            path = f"/{token.rstrip(b'=').decode()}"
        fixed_host = preset.redirect_host if preset else None
        host = choice.host or fixed_host or "127.0.0.1"
        fixed_port = preset.redirect_port if preset else None
        return _Place(host=host, port=choice.port or fixed_port or 0, path=path)

    async def _address(self, login: Login, options: LoginOptions) -> None:
        issuer = login.sign_in.account.issuer
        login.expires_at = UnixTime(self._clock.now().wall + options.timeout)
        request = _request(login)
        endpoint = issuer.pushed_authorization_request_endpoint
        if endpoint is not None:
            request = await self._pushed(login, endpoint, request)
        login.authorization_url = authorization_url(issuer, request)

    async def _pushed(
        self, login: Login, endpoint: str, request: AuthorizationRequest
    ) -> AuthorizationRequest:
        """What stands for a request that the issuer has been given.

        Raises:
            LoginFailedError: it refused the request.
            BrokerError: every other refusal or fault.
        """
        account = login.sign_in.account
        client, issuer = account.client, account.issuer.url
        response = await self._sender.send(
            pushed_request(endpoint, client=client, parameters=request)
        )
        answer = parse_pushed(response, issuer=issuer)
        if isinstance(answer, TokenRefusal):
            raise code_error(answer, account=account.name, issuer=issuer)
        if answer.expires_in is not None:
            login.notes = (
                f"the page has to be opened within {answer.expires_in:.0f} seconds",
            )
        return pushed_parameters(answer, client)


class Redirecting:
    """A login that awaits its code."""

    def __init__(
        self,
        *,
        login: Login,
        listener: OpenListener | None,
        redeemer: Redeemer,
        clock: Clock,
        timeout: Seconds,
    ) -> None:
        self._login = login
        self._listener = listener
        self._redeemer = redeemer
        self._clock = clock
        self._timeout = timeout

    async def finish(self) -> None:
        """Await the code and spend it.

        Raises:
            LoginTimedOutError: nobody brought one.
            BrokerError: of `Redeemer.redeem`.
        """
        login = self._login
        await first(login.answered, self._clock, self._timeout)
        if login.code is not None:
            login.advance(await self._redeemer.redeem(login, login.code))
        elif not login.has_ended:
            preset = login.sign_in.preset
            raise LoginTimedOutError(
                account=login.account,
                seconds=round(self._timeout),
                browser_errors=preset.browser_errors if preset else (),
            )

    async def close(self) -> None:
        """Free the port, once a browser on its way has seen the end."""
        if self._listener is not None:
            await self._listener.close()


def _mode(login: Login) -> ResponseMode:
    """As the account has it; but of a form that is sent nobody could copy anything."""
    if login.way is Way.LOOPBACK:
        return login.sign_in.account.redirect.mode
    return ResponseMode.QUERY


def _request(login: Login) -> AuthorizationRequest:
    account, own = login.sign_in.account, login.own
    return authorization_request(
        issuer=account.issuer,
        client=account.client,
        redirect_uri=login.redirect_uri,
        scopes=account.scopes,
        state=own.state,
        nonce=own.nonce,
        challenge=code_challenge(own.verifier),
        dpop_key=own.dpop_key,
        mode=_mode(login),
        resource=account.resource,
        parameters=request_parameters(
            preset=login.sign_in.preset,
            scopes=account.scopes,
            person=account.parameters,
            has_signed_in_before=not login.sign_in.is_first,
            login_hint=account.login_hint,
        ),
    )


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: int
    path: str


def _is_elsewhere(uri: str | None) -> bool:
    """Whether a redirect URI is not of this machine, so that nobody can listen."""
    if uri is None:
        return False
    parts = urlsplit(uri)
    return parts.scheme != "http" or not is_loopback(parts.hostname or "")


def _place_of(uri: str) -> _Place:
    """Where a fixed redirect URI is listened at.

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
            what="a redirect URI to listen at looks like http://127.0.0.1:8080/, "
            "without query; for one that is elsewhere paste the answer (--paste)"
        )
    return _Place(
        host=parts.hostname, port=80 if port is None else port, path=parts.path or "/"
    )
