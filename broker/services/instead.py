"""What becomes of a token at hand where no newer one can be had. Pure."""

from broker.model.errors import (
    AccountBusyError,
    BrokerError,
    IssuerMalformedError,
    LoginRequiredError,
    NoIdTokenError,
    NotNarrowedError,
)
from broker.model.grant import Grant
from broker.model.time import Instant, Seconds
from broker.model.token import AccessToken, Freshness
from broker.services.concerns import CONCERNS

_LEAVES_THE_TOKEN = (
    *(kind for kind in CONCERNS if kind is not LoginRequiredError),
    AccountBusyError,
    NoIdTokenError,
    NotNarrowedError,
)
"""What says that there is no new token, and nothing about the one at hand."""


def serves_instead(
    token: AccessToken, error: BrokerError, rejected: str | None, now: Instant
) -> bool:
    """Whether a token with less life than was asked for is better than none.

    Args:
        token: the one at hand.
        error: what came instead of a newer one.
        rejected: SHA-256 in hex of a token that an API refused, or None.
        now: this moment.
    """
    if not isinstance(error, _LEAVES_THE_TOKEN):
        return False
    if rejected is not None and token.has_digest(rejected):
        return False
    return token.freshness(now, Seconds(0)) is Freshness.FRESH


def require_life(token: AccessToken, grant: Grant, now: Instant) -> None:
    """Nothing, where what the issuer gave is of any use.

    Raises:
        IssuerMalformedError: it has expired.
    """
    if token.freshness(now, Seconds(0)) is Freshness.EXPIRED:
        raise IssuerMalformedError(
            issuer=grant.account.issuer.url,
            what="the access token that it gave has expired already "
            f"(expires_in {token.life:g})",
        )


def refuse_rejected(token: AccessToken, grant: Grant, rejected: str | None) -> None:
    """Say so where the token that an API refused is all that there will ever be.

    The grant is not marked dead: that an API refused it is only a peer's word.

    Raises:
        LoginRequiredError: there is no refresh token to get another one with.
    """
    is_rejected = rejected is not None and token.has_digest(rejected)
    if is_rejected and not grant.is_renewable:
        raise LoginRequiredError(
            account=grant.account.name,
            reason="an API refused the token, and the issuer gave no refresh token",
        )
