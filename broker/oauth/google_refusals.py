"""What Google's endpoints say to accounts without a person. Knows no network.

Sources: https://developers.google.com/identity/protocols/oauth2/service-account#error-codes
and https://cloud.google.com/iam/docs/reference/sts/rest, 2026-11.
"""

import re

import msgspec

from broker.model.errors import (
    BrokerError,
    ClockWrongError,
    CredentialRefusedError,
    DelegationRefusedError,
    ImpersonationRefusedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    ScopeRefusedError,
)
from broker.model.http import HttpResponse
from broker.oauth.members import Members
from broker.oauth.refusals import refresh_error
from broker.oauth.token import TokenRefusal, parse_answer

# Google says of a clock that is wrong what it says of a key that is wrong:
# invalid_grant. Only its sentence tells them apart.
_CLOCK = re.compile(r"short-lived token|reasonable timeframe|\biat\b", re.IGNORECASE)

_NOT_DELEGATED = frozenset({"unauthorized_client", "access_denied"})


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, for errors.

    Attributes:
        account: its name.
        issuer: Google's URL.
        client_id: of the service account, as an administrator of Workspace types it.
        impersonate: the service account that it is to become, or None.
        subject: the person in whose name it asks, or None.
    """

    account: str
    issuer: str
    client_id: str
    impersonate: str | None = None
    subject: str | None = None


def google_answer(response: HttpResponse, *, asking: Asking, is_iam: bool) -> Members:
    """The members of a good answer.

    Args:
        response: as it came.
        asking: who.
        is_iam: whether it is of the IAM Credentials API, not of a token endpoint.

    Raises:
        ClockWrongError: this machine's clock is not Google's.
        CredentialRefusedError: the key was deleted, the account is disabled or gone,
            or a workload's token is not taken.
        DelegationRefusedError: no administrator lets it ask in the person's name.
        ImpersonationRefusedError: it may not become that service account.
        ScopeRefusedError: invalid_scope.
        IssuerOverloadedError, IssuerUnreachableError, IssuerMalformedError: as for
            any token endpoint.
    """
    answer = parse_answer(response, issuer=asking.issuer, what="its token answer")
    if isinstance(answer, TokenRefusal):
        raise _error(answer, asking, is_iam=is_iam)
    return answer


def _error(refusal: TokenRefusal, asking: Asking, *, is_iam: bool) -> BrokerError:
    # What may pass, and scopes, are told as of any token endpoint.
    error = refresh_error(refusal, account=asking.account, issuer=asking.issuer)
    if isinstance(error, ScopeRefusedError):
        return error.again(unattended=True)
    if isinstance(error, IssuerOverloadedError | IssuerUnreachableError):
        return error
    said, description = refusal.error, refusal.description
    if asking.impersonate is not None and is_iam:
        return ImpersonationRefusedError(
            account=asking.account,
            email=asking.impersonate,
            error=said,
            description=description,
        )
    if _CLOCK.search(description):
        return ClockWrongError(issuer=asking.issuer, description=description)
    if asking.subject is not None and said in _NOT_DELEGATED:
        return DelegationRefusedError(
            account=asking.account,
            client_id=asking.client_id,
            subject=asking.subject,
            description=description,
        )
    return CredentialRefusedError(
        account=asking.account,
        issuer=asking.issuer,
        error=said,
        description=description,
    )
