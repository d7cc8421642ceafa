"""Signing in by a code that the person enters on another device (RFC 8628).

Knows no browser and no listener: the issuer is asked until the person has agreed.
"""

from msgspec.structs import replace

from broker.model.errors import (
    BrokerError,
    DeviceCodeExpiredError,
    DeviceScopeRefusedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginFailedError,
    WayRefusedError,
)
from broker.model.store import VaultState
from broker.model.time import Seconds, UnixTime
from broker.oauth.device import (
    RFC_8628_SLOW_DOWN,
    DeviceAuthorization,
    backed_off,
    device_authorization_request,
    device_token_request,
    next_interval,
    parse_device_authorization,
)
from broker.oauth.refusals import device_error
from broker.oauth.token import TokenRefusal
from broker.services.interfaces import Clock, HttpSender
from broker.services.login import GrantSaved, Login, TokensArrived
from broker.services.redemption import Obtained, Redeemer
from broker.services.vault import Vault
from broker.services.waits import first
from broker.services.way_in import LoginOptions


class ByDevice:
    """Begins logins whose code is entered elsewhere."""

    def __init__(
        self, *, vault: Vault, redeemer: Redeemer, sender: HttpSender, clock: Clock
    ) -> None:
        self._vault = vault
        self._redeemer = redeemer
        self._sender = sender
        self._clock = clock

    async def begin(self, login: Login, options: LoginOptions) -> "AwaitingDevice":
        """Fetch the code that the person is to enter.

        Raises:
            WayRefusedError: the issuer has no such endpoint.
            DeviceScopeRefusedError: not these scopes in this way.
            BrokerError: what else the issuer refused, or its answer lacks.
        """
        # Counted from here: the issuer's own count begins no earlier.
        began = self._clock.now()
        authorization = await self._authorization(login, options)
        life = min(authorization.expires_in, options.timeout)
        login.device = authorization.prompt
        login.expires_at = UnixTime(began.wall + life)
        return AwaitingDevice(
            login=login,
            authorization=replace(authorization, expires_in=life),
            ends_at=Seconds(began.boot + life),
            vault=self._vault,
            redeemer=self._redeemer,
            clock=self._clock,
        )

    async def _authorization(
        self, login: Login, options: LoginOptions
    ) -> DeviceAuthorization:
        account = login.sign_in.account
        issuer = account.issuer
        if issuer.device_authorization_endpoint is None:
            raise WayRefusedError(
                issuer=issuer.url,
                way=login.way.value,
                what="it names no device authorization endpoint; where it has come to "
                "since the first login, name it again with --issuer",
            )
        request = device_authorization_request(
            endpoint=issuer.device_authorization_endpoint,
            issuer=issuer,
            client=account.client,
            scopes=account.scopes,
            parameters=account.parameters,
            resource=account.resource,
        )
        response = await self._sender.send(request)
        answer = parse_device_authorization(response, issuer=issuer.url)
        if isinstance(answer, TokenRefusal):
            raise _refused(answer, login, options.timeout)
        return answer


class AwaitingDevice:
    """A login whose issuer is asked again and again."""

    def __init__(
        self,
        *,
        login: Login,
        authorization: DeviceAuthorization,
        ends_at: Seconds,
        vault: Vault,
        redeemer: Redeemer,
        clock: Clock,
    ) -> None:
        """Begin with the issuer's interval.

        Args:
            login: whose code has been given out.
            authorization: as the issuer gave it.
            ends_at: the moment on the boot clock after which it is no use to ask.
            vault: where the grant will be.
            redeemer: keeps the tokens.
            clock: counts.
        """
        self._login = login
        self._authorization = authorization
        self._ends_at = ends_at
        self._vault = vault
        self._redeemer = redeemer
        self._clock = clock
        self._interval = authorization.interval
        self._missed = 0
        self._wanted = Seconds(0)
        self._fault: BrokerError | None = None

    async def finish(self) -> None:
        """Ask until the person has agreed, and save what comes.

        Raises:
            DeviceCodeExpiredError: nobody has entered the code in time.
            LoginRefusedError: the person said no.
            BrokerError: what else ends it.
        """
        while await self._pause():
            try:
                self._login.advance(await self._try())
            except _NotYetError as exc:
                self._answered(exc.refusal)
            except (IssuerOverloadedError, IssuerUnreachableError) as exc:
                self._unanswered(exc)
            else:
                return

    async def close(self) -> None:
        """Nothing is held."""

    async def _pause(self) -> bool:
        """Wait; whether there is still a reason to ask."""
        wait = max(backed_off(self._interval, self._missed), self._wanted)
        left = self._ends_at - self._clock.now().boot
        await first(self._login.answered, self._clock, Seconds(min(wait, left)))
        if self._login.has_ended:
            return False
        if self._clock.now().boot >= self._ends_at:
            # Who could not be reached explains more than a code that nobody entered.
            raise self._fault or DeviceCodeExpiredError(
                account=self._login.account,
                seconds=round(self._authorization.expires_in),
            )
        return True

    async def _try(self) -> GrantSaved:
        """One question, and what it gives is kept.

        Raises:
            _NotYetError: the person has not entered the code.
            BrokerError: no answer, or the end.
        """
        if self._vault.state is not VaultState.NONE:
            return await self._redeemer.obtain(self._login, self._ask)
        # The first grant makes the store: not before there is one.
        obtained = await self._ask()

        async def tokens() -> Obtained:
            return obtained

        return await self._redeemer.obtain(self._login, tokens)

    async def _ask(self) -> Obtained:
        account = self._login.sign_in.account
        answer = await self._redeemer.ask(
            self._login,
            device_token_request(
                issuer=account.issuer,
                client=account.client,
                device_code=self._authorization.device_code,
                dpop_key=self._login.own.dpop_key,
                resource=account.resource,
            ),
        )
        if isinstance(answer, TokenRefusal):
            if next_interval(self._interval, answer.error) is not None:
                raise _NotYetError(answer)
            raise _refused(answer, self._login, self._authorization.expires_in)
        if self._login.has_ended:
            raise LoginFailedError(account=account.name, reason="it ended meanwhile")
        self._login.advance(TokensArrived())
        return answer

    def _answered(self, refusal: TokenRefusal) -> None:
        interval = next_interval(self._interval, refusal.error)
        self._interval = self._interval if interval is None else interval
        self._missed, self._fault = 0, None
        self._wanted = Seconds(refusal.retry_after or 0)

    def _unanswered(
        self, fault: IssuerOverloadedError | IssuerUnreachableError
    ) -> None:
        self._missed += 1
        self._fault = fault.again()  # without its frames, which hold the request
        self._wanted = Seconds(fault.retry_after or 0)
        if isinstance(fault, IssuerOverloadedError):
            # 429 says what `slow_down` says, and holds for all later questions, too.
            self._interval = Seconds(self._interval + RFC_8628_SLOW_DOWN)


class _NotYetError(Exception):
    """The person has not entered the code."""

    def __init__(self, refusal: TokenRefusal) -> None:
        super().__init__()
        self.refusal = refusal


def _refused(refusal: TokenRefusal, login: Login, life: Seconds) -> BrokerError:
    account, preset = login.sign_in.account, login.sign_in.preset
    error = device_error(
        refusal, account=account.name, issuer=account.issuer.url, life=life
    )
    if isinstance(error, DeviceScopeRefusedError) and preset is not None:
        return error.again(allowed=preset.device_scopes or ())
    return error
