"""Who has signed in: the ID token of a sign-in, its claims and its signature."""

import logging

from broker.model.errors import LoginFailedError
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.time import Seconds
from broker.oauth.id_token import IdClaims, parse_id_token
from broker.oauth.token import TokenResponse
from broker.services.interfaces import Clock
from broker.services.issuer_keys import IssuerKeys
from broker.services.login import Login
from broker.services.sign_in import SignIn
from broker.services.waits import at_most

log = logging.getLogger(__name__)

PATIENCE = Seconds(5)
"""With an issuer that does not give its keys: the code is spent, nothing is saved."""


class Identifier:
    """Reads the ID tokens of sign-ins."""

    def __init__(self, *, keys: IssuerKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def claims(self, login: Login, answer: TokenResponse) -> IdClaims | None:
        """Who it is; None where `openid` was not asked for.

        A wrong signature ends the login. Keys that cannot be had do not: the token came
        over TLS from the token endpoint, which is proof enough of whose it is (OpenID
        Connect Core 1.0 section 3.1.3.7 step 6).

        Raises:
            LoginFailedError: the issuer gave no ID token.
            IssuerMalformedError: it is not for this login, or not the issuer's.
        """
        account = login.sign_in.account
        if "openid" not in account.scopes:
            return None
        if answer.id_token is None:
            raise LoginFailedError(
                account=account.name,
                reason="`openid` was asked for, but the issuer gave no ID token",
            )
        return await self.read(
            login.sign_in,
            answer.id_token,
            access_token=answer.access_token,
            nonce=login.own.nonce,
        )

    async def read(
        self,
        sign_in: SignIn,
        token: Secret,
        *,
        access_token: Secret | None,
        nonce: Secret | None,
    ) -> IdClaims:
        """What an ID token says that has come from the token endpoint.

        Args:
            sign_in: for which it came.
            token: as it came.
            access_token: what came with it.
            nonce: of the authorization request; None where there was none.

        Raises:
            IssuerMalformedError: as `claims`.
        """
        account, preset = sign_in.account, sign_in.preset
        claims = parse_id_token(
            token,
            issuer=account.issuer,
            client_id=account.client.client_id,
            nonce=nonce,
            access_token=access_token,
            now=self._clock.now().wall,
            accepts_issuer=preset.accepts_mismatched_issuer if preset else None,
        )
        await self._check_signature(token, account.issuer)
        return claims

    async def _check_signature(self, token: Secret, issuer: Issuer) -> None:
        checked = self._is_checked(token, issuer)
        if not await at_most(PATIENCE, self._clock, checked):
            log.warning("login.id_token.unchecked issuer=%s", issuer.url)

    async def _is_checked(self, token: Secret, issuer: Issuer) -> bool:
        return await self._keys.check(token, issuer) is None
