"""ID tokens as peers get them, once it is known that what they say is true."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from broker.model.account import AccountName
from broker.model.errors import IssuerMalformedError
from broker.model.grant import Grant
from broker.model.issuer import Issuer, IssuerPreset
from broker.model.time import Instant, Seconds
from broker.model.token import BEARER, AccessToken, Freshness
from broker.oauth.id_token import IdClaims, parse_id_token
from broker.oauth.presets import preset_for_issuer
from broker.services.id_token_shelf import Laid
from broker.services.interfaces import Clock
from broker.services.issuer_keys import IssuerKeys


class IdTokenWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer asks for.

    Attributes:
        account: None for the one that is meant where none is named.
        audience: for whom; None for the account's own client.
        min_ttl: seconds of life that the peer still needs.
    """

    account: AccountName | None = None
    audience: str | None = None
    min_ttl: Seconds = Seconds(0)


class IdTokenServed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and what of its claims a peer need not read by itself.

    Attributes:
        account: whose.
        token: the ID token and its life.
        audience: `aud`.
        issuer: `iss`.
        subject: `sub`.
    """

    account: AccountName
    token: AccessToken
    audience: str
    issuer: str
    subject: str

    def has_left(self, now: Instant, min_ttl: Seconds) -> bool:
        """Whether it will do for whoever needs `min_ttl` seconds of its life."""
        return self.token.freshness(now, min_ttl) is Freshness.FRESH


class IdTokenChecker:
    """Checks them.

    Args:
        keys: of the issuers.
        presets: by name; they say which other `iss` is documented.
        clock: time.
    """

    def __init__(
        self, *, keys: IssuerKeys, presets: Mapping[str, IssuerPreset], clock: Clock
    ) -> None:
        self._keys = keys
        self._presets = presets
        self._clock = clock

    async def checked(
        self, laid: Laid, grant: Grant, audience: str | None = None
    ) -> IdTokenServed:
        """What the token says, once it is known to be true.

        Args:
            laid: the token.
            grant: whose it is to be.
            audience: which it was made for; None for the account's own client.

        Raises:
            IssuerMalformedError: it is not (OpenID Connect Core 1.0 sections 3.1.3.7
                and 12.2).
            BrokerError: the issuer's keys cannot be had.
        """
        account, presets = grant.account, self._presets
        preset = presets.get(account.preset) if account.preset else None
        claims = parse_id_token(
            laid.value,
            issuer=account.issuer,
            client_id=audience or account.client.client_id,
            nonce=None,
            access_token=laid.access_token,
            now=self._clock.now().wall,
            accepts_issuer=preset.accepts_mismatched_issuer if preset else None,
            any_party=audience is not None,
        )
        if grant.subject not in (None, claims.subject):
            what = "its ID token: it is somebody else's than at the sign-in"
            raise IssuerMalformedError(issuer=account.issuer.url, what=what)
        why = await self._keys.check(laid.value, self._with_keys(account.issuer))
        if why is not None:
            raise why
        return _served(laid, grant, claims, audience or account.client.client_id)

    def _with_keys(self, issuer: Issuer) -> Issuer:
        """The issuer, with the place of its keys where only its preset says it.

        Accounts without a person are made without the issuer's metadata.
        """
        preset = preset_for_issuer(self._presets, issuer.url)
        if issuer.jwks_uri is not None or preset is None:
            return issuer
        return replace(issuer, jwks_uri=preset.jwks_uri)


def require_life(served: IdTokenServed, grant: Grant, now: Instant) -> None:
    """Nothing, where it is of any use.

    Raises:
        IssuerMalformedError: it has expired.
    """
    if not served.has_left(now, Seconds(0)):
        what = "its ID token: the one that it gave has expired already"
        raise IssuerMalformedError(issuer=grant.account.issuer.url, what=what)


def _served(laid: Laid, grant: Grant, claims: IdClaims, audience: str) -> IdTokenServed:
    obtained = laid.obtained
    token = AccessToken(
        value=laid.value,
        token_type=BEARER,
        scopes=frozenset(),
        obtained=obtained,
        life=Seconds(claims.expires_at - obtained.wall),
    )
    return IdTokenServed(
        account=grant.account.name,
        token=token,
        audience=audience,
        issuer=claims.issuer,
        subject=claims.subject,
    )
